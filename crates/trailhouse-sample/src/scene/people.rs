//! People at their desks: sign-ins, the console, terminals, and a typing error now and then.

use super::{
    Rhythm, Scene,
    lines::{CONSOLE, TERMINAL},
    working_moment,
};
use crate::{
    caller::{
        Caller, Channel, Origin, RoleSession, role_session, session_key, user_in_console,
        user_signing_in, user_with_key,
    },
    json::Object,
    organization::{
        ALICE_IP, DATA, HOME_REGION, LEAKED_KEY, OFFICE_IPS, PAYMENTS, SANDBOX, SECURITY, STAGING,
        SampleAccount,
    },
    random::Random,
    service::{EC2, S3, SIGNIN, SSO, STS},
    tape::{Call, Failure, Tape},
};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0";
const CLI: &str = "aws-cli/2.27.30 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 md/arch#arm64 \
                   lang/python#3.13.3 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source";

/// Users who sign in to the console of their account.
const CONSOLE_USERS: [(SampleAccount, &str); 6] = [
    (STAGING, "alice"),
    (STAGING, "bob"),
    (SANDBOX, "carol"),
    (SANDBOX, "dave"),
    (SECURITY, "erin"),
    (DATA, "heidi"),
];

/// People who take a role through the organisation's sign-in portal.
const PORTAL_USERS: [(SampleAccount, &str); 10] = [
    (PAYMENTS, "frank"),
    (PAYMENTS, "grace"),
    (DATA, "heidi"),
    (STAGING, "frank"),
    (STAGING, "grace"),
    (SANDBOX, "ivan"),
    (PAYMENTS, "judy"),
    (DATA, "judy"),
    (STAGING, "mallika"),
    (STAGING, "ivan"),
];

pub(super) fn play_day(tape: &mut Tape, midnight: i64, rhythm: Rhythm) {
    let (console_percent, portal_percent, key_sessions) = match rhythm {
        Rhythm::Working => (95, 90, 3),
        Rhythm::Resting => (10, 8, 0),
    };
    for (account, user) in CONSOLE_USERS {
        if tape.random.percent(console_percent) {
            let at = working_moment(tape, midnight);
            work_in_console(tape, account, user, at);
        }
    }
    for (account, user) in PORTAL_USERS {
        if tape.random.percent(portal_percent) {
            let at = working_moment(tape, midnight);
            work_through_portal(tape, account, user, at);
        }
    }
    for _ in 0..key_sessions {
        let at = working_moment(tape, midnight);
        work_with_key(tape, at);
    }
}

fn work_in_console(tape: &mut Tape, account: SampleAccount, user: &str, at: i64) {
    let address = if user == "alice" { ALICE_IP } else { tape.random.word(&OFFICE_IPS) };
    let signed_in = user_signing_in(account, user, address, BROWSER);
    let mut scene = Scene::new(tape, account, at, signed_in).pace(6);
    if scene.tape.random.percent(8) {
        let failure = Failure { code: None, message: "Failed authentication".to_owned() };
        let call = sign_in(&scene, user, "Failure");
        scene.play(&Call { failure: Some(failure), ..call });
        scene.wait(10, 30);
    }
    let call = sign_in(&scene, user, "Success");
    scene.play(&call);
    let key = session_key(&mut scene.tape.random);
    scene.caller = user_in_console(&scene.caller, &key, scene.place.at);
    scene.read_some(CONSOLE, 24, 52);
    if account == SANDBOX && scene.tape.random.percent(15) {
        stop_instance(&mut scene);
    }
}

fn sign_in(scene: &Scene<'_>, user: &str, outcome: &str) -> Call {
    let device = format!("arn:aws:iam::{}:mfa/{user}", scene.place.account.id);
    let details = Object::new()
        .text("LoginTo", &format!("https://{HOME_REGION}.console.aws.amazon.com/console/home"))
        .text("MobileVersion", "No")
        .text("MFAIdentifier", &device)
        .text("MFAUsed", "Yes")
        .end();
    let call = Call::write(SIGNIN, "ConsoleLogin")
        .response(Object::new().text("ConsoleLogin", outcome).end());
    Call { additional: Some(details), ..call }
}

fn stop_instance(scene: &mut Scene<'_>) {
    let instance = scene.fill("i-%N");
    let set = format!(r#"{{"items":[{{"instanceId":"{instance}"}}]}}"#);
    let response = format!(
        r#"{{"instancesSet":{{"items":[{{"instanceId":"{instance}","currentState":{{"code":64,"name":"stopping"}},"previousState":{{"code":16,"name":"running"}}}}]}}}}"#
    );
    let parameters = Object::new().raw("instancesSet", &set).raw("force", "false").end();
    scene.play(&Call::write(EC2, "StopInstances").parameters(parameters).response(response));
}

fn work_through_portal(tape: &mut Tape, account: SampleAccount, user: &str, at: i64) {
    let role = "AWSReservedSSO_Developer_0123456789abcdef";
    let address = tape.random.word(&OFFICE_IPS);
    let mut scene = Scene::new(tape, account, at, portal_user(user, address)).pace(8);
    let wanted = Object::new().text("role_name", "Developer").text("account_id", account.id).end();
    scene.play(&Call::read(SSO, "GetRoleCredentials").parameters(wanted));
    let key = session_key(&mut scene.tape.random);
    let session = RoleSession {
        account,
        role,
        path: "aws-reserved/sso.amazonaws.com/eu-west-1/",
        session: user,
        key: Some(&key),
        created_at: scene.place.at,
        origin: Origin::Program,
    };
    scene.caller = role_session(&session, address, CLI);
    scene.play(&Call::read(STS, "GetCallerIdentity"));
    scene.read_some(TERMINAL, 12, 34);
    if scene.tape.random.percent(25) {
        be_refused(&mut scene, role, user);
    }
}

fn portal_user(user: &str, address: &str) -> Caller {
    let store = "arn:aws:identitystore::123456789012:identitystore/d-0demo00001";
    let behalf = Object::new()
        .text("userId", &Random::named(user).uuid())
        .text("identityStoreArn", store)
        .end();
    let identity = Object::new()
        .text("type", "IdentityCenterUser")
        .text("accountId", SECURITY.id)
        .raw("onBehalfOf", &behalf)
        .text("credentialId", &format!("demo-portal-session-{user}"))
        .end();
    Caller {
        identity,
        arn: String::new(),
        source_ip: address.to_owned(),
        user_agent: CLI.to_owned(),
        channel: Channel::Client,
    }
}

/// Asks once for something that developers may not see.
fn be_refused(scene: &mut Scene<'_>, role: &str, user: &str) {
    let arn = scene.place.account.session_arn(role, user);
    let message = format!(
        "User: {arn} is not authorized to perform: s3:GetBucketPolicy on resource: \
         \"arn:aws:s3:::demo-organization-trail\" because no identity-based policy allows the \
         s3:GetBucketPolicy action"
    );
    let call = Call::read(S3, "GetBucketPolicy")
        .parameters(r#"{"bucketName":"demo-organization-trail","policy":""}"#)
        .failed("AccessDenied", message);
    scene.play(&call);
}

/// Alice works with the key that will leak, always from her desk.
fn work_with_key(tape: &mut Tape, at: i64) {
    let caller = user_with_key(STAGING, "alice", LEAKED_KEY, ALICE_IP, CLI);
    let mut scene = Scene::new(tape, STAGING, at, caller).pace(15);
    scene.play(&Call::read(STS, "GetCallerIdentity"));
    scene.read_some(TERMINAL, 6, 16);
}
