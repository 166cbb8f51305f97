//! `kafka-delegation-tokens`: Kafka's `DelegationTokenCommand` (KIP-48, KIP-373).

use barnabas_protocol::messages::create_delegation_token_request::CreatableRenewers;
use barnabas_protocol::messages::describe_delegation_token_request::DescribeDelegationTokenOwner;
use barnabas_protocol::messages::{
    CreateDelegationTokenRequest, DescribeDelegationTokenRequest, ExpireDelegationTokenRequest,
    RenewDelegationTokenRequest,
};
use barnabas_security::KafkaPrincipal;
use barnabas_security::sasl::base64;

use crate::arguments::{BOOTSTRAP_SERVER, Options, Takes, Word, connect, word};
use crate::client::{Cluster, KafkaError, To, wire};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};
use crate::java;

const PRINCIPAL: Takes = Takes::Value("type:name");
const MS: Takes = Takes::Value("ms");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    word("command-config", Takes::Value("file"), "A file with properties of the client, which has to log in (required)."),
    word("create", Takes::Nothing, "Make a token."),
    word("renew", Takes::Nothing, "Renew the token of --hmac."),
    word("expire", Takes::Nothing, "Have the token of --hmac expire."),
    word("describe", Takes::Nothing, "Show tokens."),
    word("owner-principal", PRINCIPAL, "Whose token it is; may be repeated with --describe."),
    word("renewer-principal", PRINCIPAL, "Who else may renew it; may be repeated."),
    word("max-life-time-period", MS, "How long it may live; -1 for the broker's delegation.token.max.lifetime.ms."),
    word("renew-time-period", MS, "For how long it is renewed; -1 for the broker's delegation.token.expiry.time.ms."),
    word("expiry-time-period", MS, "After how long it expires; -1 for at once."),
    word("hmac", Takes::Value("hmac"), "The token's secret."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("This tool helps to create, renew, expire, or describe delegation tokens.")?;
    let actions = ["create", "renew", "expire", "describe"];
    let mut given = actions.into_iter().filter(|action| options.has(action));
    let (Some(action), None) = (given.next(), given.next()) else {
        return usage("Command must include exactly one action: --create, --renew, --expire or --describe");
    };
    options.require(&["bootstrap-server", "command-config"])?;
    match action {
        "create" => options.require(&["max-life-time-period"])?,
        "renew" => options.require(&["hmac", "renew-time-period"])?,
        "expire" => options.require(&["hmac", "expiry-time-period"])?,
        _ => {}
    }
    options.exclude("create", &["hmac", "renew-time-period", "expiry-time-period"])?;
    let of_create = ["renewer-principal", "max-life-time-period", "owner-principal"];
    options.exclude("renew", &of_create)?;
    options.exclude("renew", &["expiry-time-period"])?;
    options.exclude("expire", &of_create)?;
    options.exclude("expire", &["renew-time-period"])?;
    let not_described = [
        "renewer-principal",
        "max-life-time-period",
        "hmac",
        "renew-time-period",
        "expiry-time-period",
    ];
    options.exclude("describe", &not_described)?;
    let cluster = connect(options, "command-config")?;
    match action {
        "create" => create(options, &cluster, console),
        "renew" => renew(options, &cluster, console),
        "expire" => expire(options, &cluster, console),
        _ => describe(options, &cluster, console),
    }
}

fn principals(options: &Options, option: &str) -> Outcome<Vec<KafkaPrincipal>> {
    let parse = |text: &str| match text.trim().split_once(':') {
        Some((kind, name)) if !kind.is_empty() => Ok(KafkaPrincipal {
            principal_type: kind.to_owned(),
            name: name.to_owned(),
        }),
        _ => said(format!(
            "expected a string in format principalType:principalName but got {text}"
        )),
    };
    options.values(option).into_iter().map(parse).collect()
}

fn listed(principals: &[KafkaPrincipal]) -> String {
    let names: Vec<String> = principals.iter().map(ToString::to_string).collect();
    format!("[{}]", names.join(", "))
}

fn hmac(options: &Options) -> Outcome<Vec<u8>> {
    let text = options.value("hmac")?.unwrap_or_default();
    base64::decode(text).ok_or_else(|| Failure::Said("the hmac is not in base64".to_owned()))
}

fn date(ms: i64) -> String {
    java::date(ms, "yyyy-MM-dd'T'HH:mm").replace('\'', "")
}

/// A token: its id, its secret, and what is known of it.
struct Token {
    id: String,
    hmac: Vec<u8>,
    owner: String,
    requester: String,
    renewers: Vec<KafkaPrincipal>,
    issued: i64,
    expiry: i64,
    max: i64,
}

fn print(tokens: &[Token], console: &mut Console) {
    let mut line = |cells: [&str; 8]| {
        let [id, hmac, owner, requester, renewers, issued, expiry, max] = cells;
        console.line(format!(
            "\n{id:<15} {hmac:<30} {owner:<15} {requester:<15} {renewers:<25} {issued:<15} {expiry:<15} {max:<15}"
        ));
    };
    line([
        "TOKENID",
        "HMAC",
        "OWNER",
        "REQUESTER",
        "RENEWERS",
        "ISSUEDATE",
        "EXPIRYDATE",
        "MAXDATE",
    ]);
    for token in tokens {
        line([
            &token.id,
            &base64::encode(&token.hmac),
            &token.owner,
            &token.requester,
            &listed(&token.renewers),
            &date(token.issued),
            &date(token.expiry),
            &date(token.max),
        ]);
    }
}

fn create(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let renewers = principals(options, "renewer-principal")?;
    let life: i64 = options.number("max-life-time-period")?.unwrap_or(-1);
    console.line(format!(
        "Calling create token operation with renewers :{} , max-life-time-period :{life}",
        listed(&renewers)
    ));
    let owner = principals(options, "owner-principal")?.into_iter().next();
    let request = |version| {
        let renewers = renewers.iter().map(|renewer| {
            CreatableRenewers::default()
                .with_principal_type(wire(&renewer.principal_type))
                .with_principal_name(wire(&renewer.name))
        });
        let request = CreateDelegationTokenRequest::default()
            .with_renewers(renewers.collect())
            .with_max_lifetime_ms(life);
        match owner.as_ref().filter(|_| version >= 3) {
            Some(owner) => request
                .with_owner_principal_type(Some(wire(&owner.principal_type)))
                .with_owner_principal_name(Some(wire(&owner.name))),
            None => request,
        }
    };
    let (version, answer) = cluster.ask_with(To::Any, "createDelegationToken", request)?;
    KafkaError::check(answer.error_code, None)?;
    let id = answer.token_id.to_string();
    console.line(format!("Created delegation token with tokenId : {id}"));
    let owner = format!("{}:{}", answer.principal_type, answer.principal_name);
    let requester = match version {
        3.. => format!(
            "{}:{}",
            answer.token_requester_principal_type, answer.token_requester_principal_name
        ),
        _ => owner.clone(),
    };
    let token = Token {
        id,
        hmac: answer.hmac.to_vec(),
        owner,
        requester,
        renewers,
        issued: answer.issue_timestamp_ms,
        expiry: answer.expiry_timestamp_ms,
        max: answer.max_timestamp_ms,
    };
    print(&[token], console);
    Ok(())
}

fn renew(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let period: i64 = options.number("renew-time-period")?.unwrap_or(-1);
    let hmac = hmac(options)?;
    let text = options.value("hmac")?.unwrap_or_default();
    console.line(format!(
        "Calling renew token operation with hmac :{text} , renew-time-period :{period}"
    ));
    let request = RenewDelegationTokenRequest::default()
        .with_hmac(hmac.into())
        .with_renew_period_ms(period);
    let answer = cluster.ask(To::Any, "renewDelegationToken", &request)?;
    KafkaError::check(answer.error_code, None)?;
    let expiry = date(answer.expiry_timestamp_ms);
    console.text(format!("Completed renew operation. New expiry date : {expiry}"));
    Ok(())
}

fn expire(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let period: i64 = options.number("expiry-time-period")?.unwrap_or(-1);
    let hmac = hmac(options)?;
    let text = options.value("hmac")?.unwrap_or_default();
    console.line(format!(
        "Calling expire token operation with hmac :{text} , expire-time-period :{period}"
    ));
    let request = ExpireDelegationTokenRequest::default()
        .with_hmac(hmac.into())
        .with_expiry_time_period_ms(period);
    let answer = cluster.ask(To::Any, "expireDelegationToken", &request)?;
    KafkaError::check(answer.error_code, None)?;
    let expiry = date(answer.expiry_timestamp_ms);
    console.text(format!("Completed expire operation. New expiry date : {expiry}"));
    Ok(())
}

fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let owners = principals(options, "owner-principal")?;
    if owners.is_empty() {
        console.line("Calling describe token operation for current user.");
    } else {
        console.line(format!(
            "Calling describe token operation for owners: {}",
            listed(&owners)
        ));
    }
    let wanted = owners.iter().map(|owner| {
        DescribeDelegationTokenOwner::default()
            .with_principal_type(wire(&owner.principal_type))
            .with_principal_name(wire(&owner.name))
    });
    let wanted: Vec<_> = wanted.collect();
    let request = DescribeDelegationTokenRequest::default()
        .with_owners(Some(wanted).filter(|owners| !owners.is_empty()));
    let answer = cluster.ask(To::Any, "describeDelegationToken", &request)?;
    KafkaError::check(answer.error_code, None)?;
    console.text(format!("Total number of tokens : {}", answer.tokens.len()));
    let tokens = answer.tokens.into_iter().map(|token| {
        let owner = format!("{}:{}", token.principal_type, token.principal_name);
        let requester = match token.token_requester_principal_type.is_empty() {
            true => owner.clone(),
            false => format!(
                "{}:{}",
                token.token_requester_principal_type, token.token_requester_principal_name
            ),
        };
        let renewers = token.renewers.iter().map(|renewer| KafkaPrincipal {
            principal_type: renewer.principal_type.to_string(),
            name: renewer.principal_name.to_string(),
        });
        Token {
            id: token.token_id.to_string(),
            hmac: token.hmac.to_vec(),
            owner,
            requester,
            renewers: renewers.collect(),
            issued: token.issue_timestamp,
            expiry: token.expiry_timestamp,
            max: token.max_timestamp,
        }
    });
    print(&tokens.collect::<Vec<_>>(), console);
    Ok(())
}
