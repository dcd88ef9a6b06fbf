//! Who am I, what is here, what may I do? Mostly no.

use super::INTRUDER_AGENT;
use crate::{
    caller::user_with_key,
    json::Object,
    organization::{DATA, INTRUDER_IP, LEAKED_KEY, PAYMENTS, SECURITY, STAGING},
    sample::Theme,
    scene::Scene,
    service::*,
    tape::{Call, Tape},
    when::spoken,
};

/// A question that is refused: the service, the call, its parameters and the action it needs.
struct Refused {
    service: Service,
    name: &'static str,
    parameters: &'static str,
    action: &'static str,
    code: &'static str,
}

const fn refused(
    service: Service,
    name: &'static str,
    parameters: &'static str,
    action: &'static str,
    code: &'static str,
) -> Refused {
    Refused { service, name, parameters, action, code }
}

const DENIED: &str = "AccessDenied";
const EXCEPTION: &str = "AccessDeniedException";
const UNAUTHORIZED: &str = "Client.UnauthorizedOperation";

const REFUSED: [Refused; 14] = [
    refused(SECRETS, "ListSecrets", "null", "secretsmanager:ListSecrets", EXCEPTION),
    refused(SECRETS, "ListSecrets", "null", "secretsmanager:ListSecrets", EXCEPTION),
    refused(SSM, "DescribeParameters", "null", "ssm:DescribeParameters", EXCEPTION),
    refused(KMS, "ListKeys", r#"{"limit":100}"#, "kms:ListKeys", EXCEPTION),
    refused(ORGANIZATIONS, "ListAccounts", "null", "organizations:ListAccounts", EXCEPTION),
    refused(GUARDDUTY, "ListDetectors", "null", "guardduty:ListDetectors", EXCEPTION),
    refused(CLOUDTRAIL, "DescribeTrails", "null", "cloudtrail:DescribeTrails", EXCEPTION),
    refused(DYNAMODB, "ListTables", r#"{"limit":100}"#, "dynamodb:ListTables", EXCEPTION),
    refused(
        RDS,
        "DescribeDBSnapshots",
        r#"{"includeShared":true}"#,
        "rds:DescribeDBSnapshots",
        DENIED,
    ),
    refused(
        S3,
        "GetBucketPolicy",
        r#"{"bucketName":"demo-organization-trail","policy":""}"#,
        "s3:GetBucketPolicy",
        DENIED,
    ),
    refused(
        EC2,
        "DescribeSnapshots",
        r#"{"ownersSet":{"items":[{"owner":"self"}]}}"#,
        "ec2:DescribeSnapshots",
        UNAUTHORIZED,
    ),
    refused(
        EC2,
        "DescribeVpcEndpoints",
        r#"{"DescribeVpcEndpointsRequest":""}"#,
        "ec2:DescribeVpcEndpoints",
        UNAUTHORIZED,
    ),
    refused(LAMBDA, "ListFunctions20150331", "null", "lambda:ListFunctions", EXCEPTION),
    refused(SNS, "ListTopics", "null", "sns:ListTopics", DENIED),
];

/// Plays until the time that it returns.
pub(super) fn play(tape: &mut Tape, at: i64) -> i64 {
    let caller = user_with_key(STAGING, "alice", LEAKED_KEY, INTRUDER_IP, INTRUDER_AGENT);
    let mut scene = Scene::new(tape, STAGING, at, caller).pace(14);
    look_around(&mut scene);
    for question in &REFUSED {
        be_refused(&mut scene, question);
    }
    scene.wait(300, 600);
    make_key_for_another(&mut scene);
    for (account, role) in [(SECURITY, "admin"), (DATA, "admin"), (PAYMENTS, "admin")] {
        let arn = account.role_arn(role);
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            scene.caller.arn
        );
        let call = Call::read(STS, "AssumeRole").failed(DENIED, message);
        scene.step("role refused", Theme::LateralMovement, &call);
    }
    scene.wait(60, 180);
    scene.place.at
}

fn look_around(scene: &mut Scene<'_>) {
    let questions = [
        Call::read(STS, "GetCallerIdentity"),
        Call::read(S3, "ListBuckets").parameters(r#"{"Host":"s3.amazonaws.com"}"#),
        Call::read(IAM, "ListUsers"),
        Call::read(IAM, "ListRoles"),
        Call::read(IAM, "ListAttachedUserPolicies").parameters(r#"{"userName":"alice"}"#),
        Call::read(IAM, "ListGroupsForUser").parameters(r#"{"userName":"alice"}"#),
        Call::read(IAM, "ListAccessKeys").parameters(r#"{"userName":"ci-legacy"}"#),
        Call::read(IAM, "GetAccountAuthorizationDetails"),
    ];
    for question in &questions {
        scene.step("look around", Theme::Discovery, question);
    }
}

fn be_refused(scene: &mut Scene<'_>, question: &Refused) {
    let message = if question.code == UNAUTHORIZED {
        "You are not authorized to perform this operation.".to_owned()
    } else {
        format!(
            "User: {} is not authorized to perform: {} because no identity-based policy allows \
             the {} action",
            scene.caller.arn, question.action, question.action
        )
    };
    let call = Call::read(question.service, question.name)
        .parameters(question.parameters)
        .failed(question.code, message);
    scene.step("look around, refused", Theme::Discovery, &call);
}

/// Makes a key for a user that nobody has used for long, to come back by.
fn make_key_for_another(scene: &mut Scene<'_>) {
    let key = Object::new()
        .text("userName", "ci-legacy")
        .text("accessKeyId", "AKIADEMOCOMEBACKKEY2")
        .text("status", "Active")
        .text("createDate", &spoken(scene.place.at))
        .end();
    let call = Call::write(IAM, "CreateAccessKey")
        .parameters(r#"{"userName":"ci-legacy"}"#)
        .response(Object::new().raw("accessKey", &key).end());
    scene.step("key made for another user", Theme::Credentials, &call);
}
