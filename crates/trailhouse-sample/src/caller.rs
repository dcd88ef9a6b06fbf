//! Who calls: the identity, the address and the program.

use crate::{
    json::Object,
    organization::SampleAccount,
    random::Random,
    when::{event_time, iso},
};

/// The way a call takes into the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// A program with credentials of its own.
    Client,
    /// A browser with the console's credentials.
    Console,
    /// A service on somebody's behalf; its records have no connection details.
    Service,
}

/// One caller with everything that its records repeat.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The `userIdentity` as JSON.
    pub(crate) identity: String,
    pub(crate) arn: String,
    pub(crate) source_ip: String,
    pub(crate) user_agent: String,
    pub(crate) channel: Channel,
}

/// A session of a role.
pub(crate) struct RoleSession<'a> {
    pub(crate) account: SampleAccount,
    pub(crate) role: &'a str,
    /// The path of the role with its last slash, or nothing.
    pub(crate) path: &'a str,
    pub(crate) session: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) created_at: i64,
    pub(crate) origin: Origin<'a>,
}

/// What made a session of a role.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    Program,
    /// A program that showed a token of this identity provider.
    WebIdentity(&'a str),
    Instance,
    Service(&'a str),
}

/// Returns the unique id of a user or role: the same for the same name in the same account.
pub(crate) fn principal_id(prefix: &str, account: SampleAccount, name: &str) -> String {
    let unique = Random::named(&format!("{}/{name}", account.id)).upper(13);
    format!("{prefix}DEMO{unique}")
}

/// Returns a fresh id of temporary credentials.
pub(crate) fn session_key(random: &mut Random) -> String {
    format!("ASIADEMO{}", random.upper(12))
}

/// A user with a long-term key in a program.
pub(crate) fn user_with_key(
    account: SampleAccount,
    user: &str,
    key: &str,
    source_ip: &str,
    user_agent: &str,
) -> Caller {
    Caller {
        identity: user_identity(account, user).text("accessKeyId", key).end(),
        arn: account.user_arn(user),
        source_ip: source_ip.to_owned(),
        user_agent: user_agent.to_owned(),
        channel: Channel::Client,
    }
}

/// A user at the sign-in page, not yet with credentials.
pub(crate) fn user_signing_in(
    account: SampleAccount,
    user: &str,
    source_ip: &str,
    user_agent: &str,
) -> Caller {
    Caller {
        identity: user_identity(account, user).end(),
        arn: account.user_arn(user),
        source_ip: source_ip.to_owned(),
        user_agent: user_agent.to_owned(),
        channel: Channel::Client,
    }
}

/// A user in the console after signing in with a second factor.
pub(crate) fn user_in_console(signed_in: &Caller, key: &str, created_at: i64) -> Caller {
    let attributes =
        Object::new().text("creationDate", &iso(created_at)).text("mfaAuthenticated", "true").end();
    let context = Object::new().raw("attributes", &attributes).end();
    let open = signed_in.identity.strip_suffix('}').unwrap_or(&signed_in.identity);
    let identity = format!(r#"{open},"accessKeyId":"{key}","sessionContext":{context}}}"#);
    Caller { identity, channel: Channel::Console, ..signed_in.clone() }
}

/// A program, instance or service in a session of a role.
pub(crate) fn role_session(session: &RoleSession<'_>, source_ip: &str, agent: &str) -> Caller {
    let role_id = principal_id("AROA", session.account, session.role);
    let arn = session.account.session_arn(session.role, session.session);
    let identity = Object::with_capacity(700)
        .text("type", "AssumedRole")
        .text("principalId", &format!("{role_id}:{}", session.session))
        .text("arn", &arn)
        .text("accountId", session.account.id)
        .text_if("accessKeyId", session.key)
        .raw("sessionContext", &session_context(session, &role_id));
    let (identity, channel) = match session.origin {
        Origin::Program | Origin::WebIdentity(_) | Origin::Instance => {
            (identity.end(), Channel::Client)
        }
        Origin::Service(name) => (identity.text("invokedBy", name).end(), Channel::Service),
    };
    Caller { identity, arn, source_ip: source_ip.to_owned(), user_agent: agent.to_owned(), channel }
}

/// A service in its own name.
pub(crate) fn service(name: &str) -> Caller {
    Caller {
        identity: Object::new().text("type", "AWSService").text("invokedBy", name).end(),
        arn: String::new(),
        source_ip: name.to_owned(),
        user_agent: name.to_owned(),
        channel: Channel::Service,
    }
}

/// A service in a session of its own role.
pub(crate) fn service_role(
    account: SampleAccount,
    role: &str,
    name: &str,
    session: &str,
    created_at: i64,
) -> Caller {
    let session = RoleSession {
        account,
        role,
        path: &format!("aws-service-role/{name}/"),
        session,
        key: None,
        created_at,
        origin: Origin::Service(name),
    };
    role_session(&session, name, name)
}

/// The caller of another account, as the account that is called sees it.
pub(crate) fn from_other_account(caller: &Caller, account: SampleAccount, id: &str) -> Caller {
    let identity = Object::new()
        .text("type", "AWSAccount")
        .text("principalId", id)
        .text("accountId", account.id)
        .end();
    Caller { identity, ..caller.clone() }
}

fn user_identity(account: SampleAccount, user: &str) -> Object {
    Object::with_capacity(400)
        .text("type", "IAMUser")
        .text("principalId", &principal_id("AIDA", account, user))
        .text("arn", &account.user_arn(user))
        .text("accountId", account.id)
        .text("userName", user)
}

fn session_context(session: &RoleSession<'_>, role_id: &str) -> String {
    let issuer = Object::new()
        .text("type", "Role")
        .text("principalId", role_id)
        .text("arn", &session.account.role_arn(&format!("{}{}", session.path, session.role)))
        .text("accountId", session.account.id)
        .text("userName", session.role)
        .end();
    let attributes = Object::new()
        .text("creationDate", &event_time(session.created_at).to_string())
        .text("mfaAuthenticated", "false")
        .end();
    let federation = match session.origin {
        Origin::WebIdentity(provider) => {
            Object::new().text("federatedProvider", provider).raw("attributes", "{}").end()
        }
        Origin::Program | Origin::Instance | Origin::Service(_) => "{}".to_owned(),
    };
    let context = Object::with_capacity(400)
        .raw("sessionIssuer", &issuer)
        .raw("webIdFederationData", &federation)
        .raw("attributes", &attributes);
    match session.origin {
        Origin::Instance => context.text("ec2RoleDelivery", "2.0").end(),
        Origin::Program | Origin::WebIdentity(_) | Origin::Service(_) => context.end(),
    }
}
