//! Deployments: a runner takes the deploy role by web identity, plans, and applies a little.

use super::{
    Scene,
    lines::PLAN,
    working_moment,
    workload::{assumed, role_resource},
};
use crate::{
    caller::{Caller, Channel, Origin, RoleSession, principal_id, role_session, session_key},
    json::Object,
    organization::{DATA, PAYMENTS, RUNNER_IPS, STAGING, SampleAccount},
    service::{CLOUDWATCH, EC2, ECS, LAMBDA, LOGS, STS},
    tape::{Call, Tape},
};

const ROLE: &str = "deploy";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/token.actions.example.com";
const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.12.1 (+https://www.terraform.io) \
                         terraform-provider-aws/5.99.1 aws-sdk-go-v2/1.36.3 os/linux \
                         lang/go#1.23.8 md/GOOS#linux md/GOARCH#amd64";

pub(super) fn play_working_day(tape: &mut Tape, midnight: i64, day: i64) {
    for account in [STAGING, STAGING, STAGING, PAYMENTS, PAYMENTS, PAYMENTS, DATA, DATA] {
        let at = working_moment(tape, midnight);
        deploy(tape, account, at, day);
    }
}

fn deploy(tape: &mut Tape, account: SampleAccount, at: i64, day: i64) {
    let session = format!("runner-{}", tape.random.between(10_000, 99_999));
    let address = tape.random.word(&RUNNER_IPS);
    let key = session_key(&mut tape.random);
    let mut scene = Scene::new(tape, account, at, runner(address));
    let opening = assume_by_runner(account, &session, &key, at);
    scene.play(&opening);
    let role = RoleSession {
        account,
        role: ROLE,
        path: "",
        session: &session,
        key: Some(&key),
        created_at: at,
        origin: Origin::WebIdentity(PROVIDER),
    };
    scene.caller = role_session(&role, address, TERRAFORM);
    scene.read_all(PLAN);
    scene.read_some(PLAN, 30, 60);
    apply(&mut scene);
    if account == STAGING && day % 5 == 2 {
        open_inside(&mut scene);
    }
}

fn runner(address: &str) -> Caller {
    let subject = "repo:demo/infrastructure:ref:refs/heads/main";
    let identity = Object::new()
        .text("type", "WebIdentityUser")
        .text("principalId", &format!("{PROVIDER}:sts.amazonaws.com:{subject}"))
        .text("userName", subject)
        .text("identityProvider", PROVIDER)
        .end();
    Caller {
        identity,
        arn: String::new(),
        source_ip: address.to_owned(),
        user_agent: "aws-sdk-nodejs/2.1692.0 linux/v20.19.1 configure-aws-credentials".to_owned(),
        channel: Channel::Client,
    }
}

fn assume_by_runner(account: SampleAccount, session: &str, key: &str, at: i64) -> Call {
    let role_arn = account.role_arn(ROLE);
    let role_id = principal_id("AROA", account, ROLE);
    let parameters = Object::new()
        .text("roleArn", &role_arn)
        .text("roleSessionName", session)
        .raw("durationSeconds", "3600")
        .end();
    let response = assumed(&account.session_arn(ROLE, session), &role_id, session, key, at);
    Call::read(STS, "AssumeRoleWithWebIdentity")
        .parameters(parameters)
        .response(response)
        .resources(role_resource(account, &role_arn))
}

fn apply(scene: &mut Scene<'_>) {
    let definition = scene.fill("arn:aws:ecs:%R:%A:task-definition/checkout:%N");
    scene.play(
        &Call::write(ECS, "RegisterTaskDefinition")
            .parameters(
                r#"{"family":"checkout","networkMode":"awsvpc","cpu":"512","memory":"1024"}"#,
            )
            .response(
                Object::new()
                    .raw(
                        "taskDefinition",
                        &Object::new().text("taskDefinitionArn", &definition).end(),
                    )
                    .end(),
            ),
    );
    scene.play(
        &Call::write(ECS, "UpdateService").parameters(
            Object::new()
                .text("cluster", "main")
                .text("service", "checkout")
                .text("taskDefinition", &definition)
                .end(),
        ),
    );
    let function = scene.fill("arn:aws:lambda:%R:%A:function:order-events");
    scene.play(
        &Call::write(LAMBDA, "UpdateFunctionCode20150331v2")
            .parameters(r#"{"functionName":"order-events","publish":true,"dryRun":false}"#)
            .response(
                Object::new()
                    .text("functionName", "order-events")
                    .text("functionArn", &function)
                    .text("runtime", "python3.12")
                    .raw("version", r#""42""#)
                    .end(),
            ),
    );
    scene.play(
        &Call::write(CLOUDWATCH, "PutMetricAlarm")
            .parameters(r#"{"alarmName":"checkout-5xx","threshold":5.0,"period":60}"#),
    );
    if scene.tape.random.percent(30) {
        let group = scene.fill(r#"{"logGroupName":"/ecs/preview-%N"}"#);
        scene.play(&Call::write(LOGS, "CreateLogGroup").parameters(group));
    }
}

/// Opens a port to the inside of the network: what a careful detection must not report.
fn open_inside(scene: &mut Scene<'_>) {
    let group = scene.fill("sg-%N");
    let permissions = r#"{"items":[{"ipProtocol":"tcp","fromPort":5432,"toPort":5432,"groups":{},"ipRanges":{"items":[{"cidrIp":"10.20.0.0/16"}]},"ipv6Ranges":{},"prefixListIds":{}}]}"#;
    let parameters = Object::new().text("groupId", &group).raw("ipPermissions", permissions).end();
    scene.play(
        &Call::write(EC2, "AuthorizeSecurityGroupIngress")
            .parameters(parameters)
            .response(r#"{"_return":true}"#),
    );
}
