//! `--add-scram`: a user that can log in to the new cluster.
//!
//! ```text
//! SCRAM-SHA-256=[name=alice,password=alice-secret,iterations=8192]
//! SCRAM-SHA-512=[name=alice,salt="N3E=",saltedpassword="YCE="]
//! ```

use std::collections::BTreeMap;

use barnabas_config::variables::ScramUser;
use barnabas_environment::Random;
use barnabas_metadata::controller::{ITERATIONS_MAX, ITERATIONS_MIN, keys, salted_password};
use barnabas_metadata::records::{ScramCredentialRecord, ScramMechanism};

const SALT_BYTES: usize = 26;

/// The credentials of all users and arguments; of two for the same user and mechanism the last.
pub fn credentials(
    arguments: &[String],
    users: &[ScramUser],
    random: &Random,
) -> Result<Vec<ScramCredentialRecord>, String> {
    let mut all = BTreeMap::new();
    for user in users {
        let given = BTreeMap::from([
            ("name".to_owned(), user.name.clone()),
            ("password".to_owned(), user.password.clone()),
        ]);
        let credential = of_components(&user.mechanism, given, random)?;
        all.insert((credential.name.clone(), credential.mechanism), credential);
    }
    for argument in arguments {
        let credential = credential(argument, random)?;
        all.insert((credential.name.clone(), credential.mechanism), credential);
    }
    Ok(all.into_values().collect())
}

fn credential(argument: &str, random: &Random) -> Result<ScramCredentialRecord, String> {
    let Some((name, config)) = argument.split_once('=') else {
        return Err(format!(
            "Failed to find equals sign in SCRAM argument '{argument}'"
        ));
    };
    if !matches!(name, "SCRAM-SHA-256" | "SCRAM-SHA-512") {
        return Err(format!("The add-scram mechanism {name} is not supported."));
    }
    of_components(name, components(config)?, random)
}

fn of_components(
    mechanism: &str,
    mut given: BTreeMap<String, String>,
    random: &Random,
) -> Result<ScramCredentialRecord, String> {
    let (mechanism, java_name) = match mechanism {
        "SCRAM-SHA-256" => (ScramMechanism::Sha256, "SCRAM_SHA_256"),
        "SCRAM-SHA-512" => (ScramMechanism::Sha512, "SCRAM_SHA_512"),
        _ => return Err(format!("The add-scram mechanism {mechanism} is not supported.")),
    };
    let name = given
        .remove("name")
        .ok_or("You must supply 'name' to add-scram")?;
    let password = given.remove("password");
    let salted = given.remove("saltedpassword");
    let salt = given
        .remove("salt")
        .map(|text| base64(&text).ok_or_else(|| format!("Failed to decode given salt: {text}")));
    let salt = salt.transpose()?;
    let iterations = given.remove("iterations").map(|text| {
        text.parse()
            .map_err(|_| format!("Failed to parse iterations count: {text}"))
    });
    let iterations: i32 = iterations.transpose()?.unwrap_or(ITERATIONS_MIN);
    if !given.is_empty() {
        let unknown: Vec<String> = given.into_keys().collect();
        return Err(format!("Unknown SCRAM configurations: {}", unknown.join(", ")));
    }
    if iterations < ITERATIONS_MIN {
        return Err(format!(
            "The 'iterations' value must be >= {ITERATIONS_MIN} for add-scram using {java_name}"
        ));
    }
    if iterations > ITERATIONS_MAX {
        return Err(format!(
            "The 'iterations' value must be <= {ITERATIONS_MAX} for add-scram using {java_name}"
        ));
    }
    let (salt, salted) = match (password, salted, salt) {
        (None, None, _) => {
            return Err("You must supply one of 'password' or 'saltedpassword' to add-scram".to_owned());
        }
        (_, Some(_), None) => {
            return Err("You must supply 'salt' with 'saltedpassword' to add-scram".to_owned());
        }
        (_, Some(text), Some(salt)) => {
            let salted = base64(&text);
            let salted = salted.ok_or_else(|| format!("Failed to decode given saltedPassword: {text}"))?;
            (salt, salted)
        }
        (Some(password), None, salt) => {
            let salt = salt.unwrap_or_else(|| {
                let mut salt = vec![0; SALT_BYTES];
                random.fill(&mut salt);
                salt
            });
            let salted = salted_password(mechanism, password.as_bytes(), &salt, iterations);
            (salt, salted)
        }
    };
    let (stored_key, server_key) = keys(mechanism, &salted);
    Ok(ScramCredentialRecord {
        name,
        mechanism,
        salt,
        stored_key,
        server_key,
        iterations,
    })
}

/// What stands in the brackets, by name; quotes around a value are not part of it.
fn components(config: &str) -> Result<BTreeMap<String, String>, String> {
    let config = config
        .strip_prefix('[')
        .ok_or("Expected configuration string to start with [")?;
    let config = config
        .strip_suffix(']')
        .ok_or("Expected configuration string to end with ]")?;
    let mut found = BTreeMap::new();
    for part in config.trim_end_matches(',').split(',') {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("No equals sign found in SCRAM component: {part}"))?;
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        found.insert(name.to_owned(), bare.unwrap_or(value).to_owned());
    }
    Ok(found)
}

/// Base64 as Java's decoder takes it: the padding may be missing.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bare = text.trim_end_matches('=');
    if bare.len() % 4 == 1 || text.len() - bare.len() > 2 {
        return None;
    }
    let (mut bits, mut count) = (0_u32, 0);
    let mut out = Vec::with_capacity(bare.len());
    for byte in bare.bytes() {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6) | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(argument: &str) -> Result<ScramCredentialRecord, String> {
        credential(argument, &Random::seeded(1))
    }

    #[test]
    fn a_password_and_what_it_is_hashed_to_are_the_same_user() {
        // The exchange of RFC 7677.
        let salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
        let plain = read(&format!(
            "SCRAM-SHA-256=[name=user,password=pencil,salt=\"{salt}\"]"
        ));
        let hashed = "xKSVEDI6tPlSysH6mUQZOeeOp01r6B3fcJbodRPcYV0=";
        let salted = read(&format!(
            "SCRAM-SHA-256=[name=user,salt={salt},saltedpassword=\"{hashed}\"]"
        ));
        assert_eq!(plain, salted);
        let two = [
            "SCRAM-SHA-512=[name=a,password=b]",
            "SCRAM-SHA-512=[name=a,password=c]",
        ];
        let all = credentials(&two.map(str::to_owned), &[], &Random::seeded(1)).unwrap();
        assert_eq!(
            (all.len(), all[0].salt.len(), all[0].iterations),
            (1, SALT_BYTES, 4096)
        );
    }

    #[test]
    fn what_cannot_be_is_refused_in_kafkas_words() {
        let table = [
            ("alice", "Failed to find equals sign in SCRAM argument 'alice'"),
            (
                "SCRAM-SHA-1=[name=a]",
                "The add-scram mechanism SCRAM-SHA-1 is not supported.",
            ),
            (
                "SCRAM-SHA-256=alice",
                "Expected configuration string to start with [",
            ),
            (
                "SCRAM-SHA-256=[name=a",
                "Expected configuration string to end with ]",
            ),
            ("SCRAM-SHA-256=[]", "No equals sign found in SCRAM component: "),
            (
                "SCRAM-SHA-256=[name]",
                "No equals sign found in SCRAM component: name",
            ),
            (
                "SCRAM-SHA-256=[password=a]",
                "You must supply 'name' to add-scram",
            ),
            (
                "SCRAM-SHA-256=[name=a]",
                "You must supply one of 'password' or 'saltedpassword' to add-scram",
            ),
            (
                "SCRAM-SHA-256=[name=a,saltedpassword=YCE=]",
                "You must supply 'salt' with 'saltedpassword' to add-scram",
            ),
            (
                "SCRAM-SHA-256=[name=a,foo=b,password=a]",
                "Unknown SCRAM configurations: foo",
            ),
            (
                "SCRAM-SHA-256=[name=a,password=a,iterations=x]",
                "Failed to parse iterations count: x",
            ),
            (
                "SCRAM-SHA-256=[name=a,password=a,iterations=100]",
                "The 'iterations' value must be >= 4096 for add-scram using SCRAM_SHA_256",
            ),
            (
                "SCRAM-SHA-512=[name=a,password=a,iterations=99999]",
                "The 'iterations' value must be <= 16384 for add-scram using SCRAM_SHA_512",
            ),
            (
                "SCRAM-SHA-256=[name=a,password=a,salt=\"!!\"]",
                "Failed to decode given salt: !!",
            ),
        ];
        for (argument, expected) in table {
            assert_eq!(read(argument), Err(expected.to_owned()), "{argument}");
        }
    }
}
