//! `authorizer.class.name`, and the settings of StandardAuthorizer (KIP-801).

use super::ConfigException;
use super::typed::BrokerConfig;

/// The one authorizer that there is.
pub const STANDARD_AUTHORIZER: &str = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";

/// Whether the node has an authorizer.
///
/// # Errors
/// It is another one, a super user has no type, or there are super users and no authorizer.
pub fn is_standard(config: &BrokerConfig) -> Result<bool, ConfigException> {
    let class = config.authorizer_class_name.trim();
    if class.is_empty() && !config.super_users.trim().is_empty() {
        return Err(ConfigException::new(format!(
            "super.users={} is refused: without authorizer.class.name nobody decides who may do what. Set it to \
             {STANDARD_AUTHORIZER}, or remove super.users to go without",
            config.super_users
        )));
    }
    if class.is_empty() {
        return Ok(false);
    }
    if class != STANDARD_AUTHORIZER {
        return Err(ConfigException::new(format!(
            "authorizer.class.name={class} is refused: classes of Java cannot be loaded, and nobody would be held to \
             their rules. {STANDARD_AUTHORIZER} is built in"
        )));
    }
    let mut super_users = config.super_users.split(';').map(str::trim);
    match super_users.find(|user| !user.is_empty() && !user.contains(':')) {
        Some(user) => Err(ConfigException::new(format!(
            "super.users={} is not valid: expected a string in format principalType:principalName but got {user}, \
             semicolons between them",
            config.super_users
        ))),
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layers, Settings};

    fn config(given: &[(&str, &str)]) -> BrokerConfig {
        let mut settings = Settings::from([("node.id".to_owned(), "1".to_owned())]);
        settings.extend([("process.roles".to_owned(), "broker,controller".to_owned())]);
        settings.extend([("controller.listener.names".to_owned(), "C".to_owned())]);
        settings.extend(
            given
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        BrokerConfig::resolve(&Layers::of_static(settings)).unwrap()
    }

    #[test]
    fn one_authorizer_is_known() {
        let class = ("authorizer.class.name", STANDARD_AUTHORIZER);
        assert_eq!(is_standard(&config(&[])), Ok(false));
        assert_eq!(is_standard(&config(&[class])), Ok(true));
        let users = ("super.users", "User:admin; User:CN=a,O=b;");
        assert_eq!(is_standard(&config(&[class, users])), Ok(true));
        let refused = |given: &[(&str, &str)]| is_standard(&config(given)).unwrap_err().to_string();
        let other = refused(&[("authorizer.class.name", "my.Authorizer")]);
        assert!(
            other.starts_with("authorizer.class.name=my.Authorizer is refused: classes of Java"),
            "{other}"
        );
        let typeless = refused(&[class, ("super.users", "User:a;admin")]);
        assert!(typeless.contains("but got admin,"), "{typeless}");
        let alone = refused(&[users]);
        assert!(
            alone.starts_with("super.users=User:admin; User:CN=a,O=b; is refused: without"),
            "{alone}"
        );
    }
}
