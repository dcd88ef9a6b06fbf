//! Programs that run whether anyone is awake or not: functions, instances, scaling.

use super::{Scene, moment};
use crate::{
    caller::{
        Caller, Channel, Origin, RoleSession, principal_id, role_session, service, service_role,
        session_key,
    },
    json::Object,
    organization::{DATA, EGRESS_IPS, PAYMENTS, SECURITY, STAGING, SampleAccount},
    random::Random,
    service::{AUTOSCALING, CLOUDWATCH, DYNAMODB, EC2, ELB, KMS, LOGS, SECRETS, SQS, SSM, STS},
    tape::{Call, Tape},
    when::{HOUR, spoken},
};

/// A function that runs on a schedule.
struct Function {
    account: SampleAccount,
    name: &'static str,
    /// Runs in every hour that this divides.
    every_hours: i64,
}

const FUNCTIONS: [Function; 6] = [
    Function { account: PAYMENTS, name: "settle-payments", every_hours: 1 },
    Function { account: PAYMENTS, name: "card-webhook", every_hours: 1 },
    Function { account: DATA, name: "load-orders", every_hours: 1 },
    Function { account: DATA, name: "export-reports", every_hours: 3 },
    Function { account: STAGING, name: "settle-payments", every_hours: 2 },
    Function { account: SECURITY, name: "forward-findings", every_hours: 2 },
];

/// Instances that carry a role: the account, the role and how many of them.
const FLEETS: [(SampleAccount, &str, u32); 3] =
    [(PAYMENTS, "checkout-api", 3), (DATA, "warehouse-loader", 2), (STAGING, "checkout-api", 1)];

pub(super) fn play_hour(tape: &mut Tape, hour_starts: i64, hour: i64) {
    for function in &FUNCTIONS {
        if hour % function.every_hours == 0 {
            let at = moment(tape, hour_starts);
            run_function(tape, function, at);
        }
    }
    for (account, role, count) in FLEETS {
        let at = moment(tape, hour_starts);
        for number in 0..count {
            run_instance(tape, account, role, number, at);
        }
        if hour % 4 == 1 {
            balance_fleet(tape, account, at);
        }
    }
}

fn run_function(tape: &mut Tape, function: &Function, at: i64) {
    let Function { account, name, .. } = *function;
    let role = format!("{name}-function");
    let key = session_key(&mut tape.random);
    let opening = assume_by_service(account, &role, name, &key, at);
    let mut scene = Scene::new(tape, account, at, service("lambda.amazonaws.com"));
    let opening = Call { shared_event_id: Some(scene.tape.random.uuid()), ..opening };
    scene.play(&opening);
    let session = RoleSession {
        account,
        role: &role,
        path: "",
        session: name,
        key: Some(&key),
        created_at: at,
        origin: Origin::Program,
    };
    let address = scene.tape.random.word(&EGRESS_IPS);
    let agent = "Boto3/1.38.23 md/Botocore#1.38.23 ua/2.1 os/linux#5.10.236 md/arch#x86_64 \
                 lang/python#3.12.10 exec-env/AWS_Lambda_python3.12";
    scene.caller = role_session(&session, address, agent);
    let secret = scene.fill(&format!("arn:aws:secretsmanager:%R:%A:secret:{name}/database-DeMo01"));
    scene.play(
        &Call::read(SECRETS, "GetSecretValue")
            .parameters(Object::new().text("secretId", &secret).end()),
    );
    decrypt_for(&mut scene, "secretsmanager.amazonaws.com", "SecretARN", &secret);
    read_state(&mut scene, name);
}

fn assume_by_service(
    account: SampleAccount,
    role: &str,
    session: &str,
    key: &str,
    at: i64,
) -> Call {
    let role_arn = account.role_arn(role);
    let role_id = principal_id("AROA", account, role);
    Call::read(STS, "AssumeRole")
        .parameters(Object::new().text("roleArn", &role_arn).text("roleSessionName", session).end())
        .response(assumed(&account.session_arn(role, session), &role_id, session, key, at))
        .resources(role_resource(account, &role_arn))
}

/// Writes the answer to an assumed role.
pub(crate) fn assumed(arn: &str, role_id: &str, session: &str, key: &str, at: i64) -> String {
    let credentials = Object::new()
        .text("accessKeyId", key)
        .text("sessionToken", "REDACTED")
        .text("expiration", &spoken(at + HOUR))
        .end();
    let user =
        Object::new().text("assumedRoleId", &format!("{role_id}:{session}")).text("arn", arn).end();
    Object::with_capacity(400).raw("credentials", &credentials).raw("assumedRoleUser", &user).end()
}

/// Writes the role as the resource of a record.
pub(crate) fn role_resource(account: SampleAccount, role_arn: &str) -> String {
    let resource = Object::new()
        .text("accountId", account.id)
        .text("type", "AWS::IAM::Role")
        .text("ARN", role_arn)
        .end();
    format!("[{resource}]")
}

/// Decrypts on behalf of the caller, as a service does that keeps things encrypted.
fn decrypt_for(scene: &mut Scene<'_>, service: &str, context: &str, what: &str) {
    let caller = behalf_of(&scene.caller, service);
    let key = scene.fill("arn:aws:kms:%R:%A:key/00000000-demo-4000-8000-000000000001");
    let parameters = Object::new()
        .raw("encryptionContext", &Object::new().text(context, what).end())
        .text("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
        .end();
    let resource = Object::new()
        .text("accountId", scene.place.account.id)
        .text("type", "AWS::KMS::Key")
        .text("ARN", &key)
        .end();
    let call = Call::read(KMS, "Decrypt").parameters(parameters).resources(format!("[{resource}]"));
    scene.tape.record(scene.place, &caller, &call);
}

fn behalf_of(caller: &Caller, service: &str) -> Caller {
    let open = caller.identity.strip_suffix('}').unwrap_or(&caller.identity);
    Caller {
        identity: format!(r#"{open},"invokedBy":"{service}"}}"#),
        source_ip: service.to_owned(),
        user_agent: service.to_owned(),
        channel: Channel::Service,
        ..caller.clone()
    }
}

fn read_state(scene: &mut Scene<'_>, name: &str) {
    scene.play(
        &Call::read(SSM, "GetParameter")
            .parameters(format!(r#"{{"name":"/{name}/settings","withDecryption":true}}"#)),
    );
    let stream = scene.fill("2026/06/%N");
    scene.play(
        &Call::write(LOGS, "CreateLogStream").parameters(
            Object::new()
                .text("logGroupName", &format!("/aws/lambda/{name}"))
                .text("logStreamName", &stream)
                .end(),
        ),
    );
    scene.play(&Call::read(DYNAMODB, "DescribeTable").parameters(r#"{"tableName":"orders"}"#));
    for _ in 0..scene.tape.random.between(2, 4) {
        let queue = scene.fill("https://sqs.%R.amazonaws.com/%A/orders");
        scene.play(&Call::read(SQS, "GetQueueAttributes").parameters(
            Object::new().text("queueUrl", &queue).raw("attributeNames", r#"["All"]"#).end(),
        ));
    }
}

fn run_instance(tape: &mut Tape, account: SampleAccount, role: &str, number: u32, at: i64) {
    let mut its_own = Random::named(&format!("{}/{role}/{number}", account.id));
    let instance = format!("i-0{}", its_own.hex(16));
    // Credentials of one instance from several addresses would look stolen.
    let address = its_own.word(&EGRESS_IPS);
    let key = session_key(&mut tape.random);
    let session = RoleSession {
        account,
        role,
        path: "",
        session: &instance,
        key: Some(&key),
        created_at: at - HOUR,
        origin: Origin::Instance,
    };
    let agent = "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.24.3 md/GOOS#linux \
                 md/GOARCH#arm64 api/ssm#1.59.0";
    let caller = role_session(&session, address, agent);
    let mut scene = Scene::new(tape, account, at, caller).pace(20);
    let about = Object::new()
        .text("instanceId", &instance)
        .text("agentVersion", "3.3.2299.0")
        .text("agentStatus", "Active")
        .text("platformType", "Linux")
        .end();
    scene.play(&Call::write(SSM, "UpdateInstanceInformation").parameters(about));
    let only = Object::new().text("instanceId", &instance).end();
    scene.play(&Call::read(SSM, "ListInstanceAssociations").parameters(only));
    let tags = format!(
        r#"{{"filterSet":{{"items":[{{"name":"resource-id","valueSet":{{"items":[{{"value":"{instance}"}}]}}}}]}}}}"#
    );
    scene.play(&Call::read(EC2, "DescribeTags").parameters(tags));
    scene.play(
        &Call::read(SSM, "GetParametersByPath").parameters(format!(
            r#"{{"path":"/{role}/","recursive":true,"withDecryption":false}}"#
        )),
    );
}

fn balance_fleet(tape: &mut Tape, account: SampleAccount, at: i64) {
    let name = "autoscaling.amazonaws.com";
    let caller = service_role(account, "AWSServiceRoleForAutoScaling", name, "AutoScaling", at);
    let mut scene = Scene::new(tape, account, at, caller);
    scene.play(
        &Call::read(EC2, "DescribeInstances").parameters(r#"{"instancesSet":{},"filterSet":{}}"#),
    );
    scene.play(&Call::read(EC2, "DescribeInstanceStatus").parameters(r#"{"instancesSet":{}}"#));
    let group =
        scene.fill("arn:aws:elasticloadbalancing:%R:%A:targetgroup/checkout/0123456789abcdef");
    let group = Object::new().text("targetGroupArn", &group).end();
    scene.play(&Call::read(ELB, "DescribeTargetHealth").parameters(group));
    scene.play(&Call::read(AUTOSCALING, "DescribeAutoScalingGroups"));
    scene.play(
        &Call::read(CLOUDWATCH, "DescribeAlarms").parameters(r#"{"alarmNames":["checkout-cpu"]}"#),
    );
}
