//! From the leaked key to a role, and from that role to the next one, in other accounts.

use super::INTRUDER_AGENT;
use crate::{
    caller::{
        Caller, Origin, RoleSession, from_other_account, principal_id, role_session, user_with_key,
    },
    json::Object,
    organization::{DATA, INTRUDER_IP, LEAKED_KEY, PAYMENTS, STAGING, SampleAccount},
    sample::Theme,
    scene::{Scene, assumed, role_resource},
    service::{EC2, IAM, RDS, STS},
    tape::{Call, Place, Tape},
};

const SESSION: &str = "botocore-session-1781302440";
const FIRST_KEY: &str = "ASIADEMOCHAIN0000001";
const SECOND_KEY: &str = "ASIADEMOCHAIN0000002";
const FIRST_ROLE: &str = "deploy";
const SECOND_ROLE: &str = "data-maintenance";

/// What the intruder holds at the end of the chain.
pub(super) struct Stolen {
    /// The deploy role of the payments account.
    pub(super) deploy: Caller,
    /// The maintenance role of the data account.
    pub(super) maintenance: Caller,
    /// When the chain is complete.
    pub(super) at: i64,
}

/// One link: who takes which role, and what comes of it.
struct Link<'a> {
    from: SampleAccount,
    /// The unique id under which the other account sees the caller.
    from_id: &'a str,
    to: SampleAccount,
    role: &'a str,
    key: &'a str,
}

pub(super) fn play(tape: &mut Tape, at: i64) -> Stolen {
    let alice = user_with_key(STAGING, "alice", LEAKED_KEY, INTRUDER_IP, INTRUDER_AGENT);
    let mut scene = Scene::new(tape, STAGING, at, alice).pace(20);
    let alice_id = principal_id("AIDA", STAGING, "alice");
    let first =
        Link { from: STAGING, from_id: &alice_id, to: PAYMENTS, role: FIRST_ROLE, key: FIRST_KEY };
    take_role(&mut scene, &first);
    let deploy = scene.caller.clone();
    look_around(&mut scene);
    let deploy_id = format!("{}:{SESSION}", principal_id("AROA", PAYMENTS, FIRST_ROLE));
    let second =
        Link { from: PAYMENTS, from_id: &deploy_id, to: DATA, role: SECOND_ROLE, key: SECOND_KEY };
    take_role(&mut scene, &second);
    look_around(&mut scene);
    Stolen { deploy, maintenance: scene.caller.clone(), at: scene.place.at }
}

/// Takes the role. Both accounts record it, under one shared id; then the scene goes on in the
/// other account.
fn take_role(scene: &mut Scene<'_>, link: &Link<'_>) {
    let at = scene.place.at;
    let call = assume(scene, link);
    let seen = from_other_account(&scene.caller, link.from, link.from_id);
    let there = Place { account: link.to, ..scene.place };
    let event_id = scene.tape.record(there, &seen, &call);
    scene.step("role taken", Theme::LateralMovement, &call);
    scene.tape.label(event_id, "role taken, as the other account sees it", Theme::LateralMovement);
    let session = RoleSession {
        account: link.to,
        role: link.role,
        path: "",
        session: SESSION,
        key: Some(link.key),
        created_at: at,
        origin: Origin::Program,
    };
    scene.caller = role_session(&session, INTRUDER_IP, INTRUDER_AGENT);
    scene.place.account = link.to;
    scene.wait(20, 60);
}

fn assume(scene: &mut Scene<'_>, link: &Link<'_>) -> Call {
    let arn = link.to.role_arn(link.role);
    let role_id = principal_id("AROA", link.to, link.role);
    let session_arn = link.to.session_arn(link.role, SESSION);
    let parameters = Object::new()
        .text("roleArn", &arn)
        .text("roleSessionName", SESSION)
        .raw("durationSeconds", "3600")
        .end();
    let response = assumed(&session_arn, &role_id, SESSION, link.key, scene.place.at);
    let call = Call::read(STS, "AssumeRole")
        .parameters(parameters)
        .response(response)
        .resources(role_resource(link.to, &arn));
    Call { shared_event_id: Some(scene.tape.random.uuid()), ..call }
}

fn look_around(scene: &mut Scene<'_>) {
    let questions = [
        Call::read(STS, "GetCallerIdentity"),
        Call::read(IAM, "ListRoles"),
        Call::read(RDS, "DescribeDBInstances").parameters(r#"{"maxRecords":100}"#),
        Call::read(EC2, "DescribeVolumes").parameters(r#"{"volumeSet":{},"filterSet":{}}"#),
    ];
    for question in &questions {
        scene.step("look around with the role", Theme::Discovery, question);
    }
    scene.wait(60, 120);
}
