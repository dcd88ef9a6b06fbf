//! What the intruder came for: a user to keep, data given away, data destroyed, silence.

use super::chain::Stolen;
use crate::{
    json::Object,
    organization::{DATA, FOREIGN_ACCOUNT, HOME_REGION, PAYMENTS},
    sample::Theme,
    scene::Scene,
    service::{CLOUDTRAIL, EC2, IAM, RDS},
    tape::{Call, Tape},
    when::{DAY, iso, spoken},
};

const KEPT_USER: &str = "backup-agent";
const DB_SNAPSHOT: &str = "orders-migration";
const VOLUME: &str = "vol-0de30de30de30de30";
const SNAPSHOT: &str = "snap-0de30de30de30de31";

pub(super) fn play(tape: &mut Tape, stolen: &Stolen) {
    let mut scene = Scene::new(tape, DATA, stolen.at, stolen.maintenance.clone()).pace(25);
    keep_a_user(&mut scene);
    scene.wait(240, 480);
    share_database(&mut scene);
    share_volume(&mut scene);
    scene.wait(300, 600);
    destroy_database(&mut scene);
    scene.wait(180, 360);
    stop_trail(&mut scene, "data-audit");
    scene.caller = stolen.deploy.clone();
    scene.place.account = PAYMENTS;
    stop_trail(&mut scene, "payments-audit");
    delete_trail(&mut scene, "payments-audit");
}

fn keep_a_user(scene: &mut Scene<'_>) {
    let user = Object::new()
        .text("path", "/")
        .text("userName", KEPT_USER)
        .text("userId", "AIDADEMOBACKUPAGENT01")
        .text("arn", &DATA.user_arn(KEPT_USER))
        .text("createDate", &spoken(scene.place.at))
        .end();
    let named = Object::new().text("userName", KEPT_USER).end();
    let call = Call::write(IAM, "CreateUser")
        .parameters(named.clone())
        .response(Object::new().raw("user", &user).end());
    scene.step("user made to keep", Theme::Credentials, &call);
    let attached = Object::new()
        .text("userName", KEPT_USER)
        .text("policyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
        .end();
    let call = Call::write(IAM, "AttachUserPolicy").parameters(attached);
    scene.step("administrator rights given", Theme::Policy, &call);
    let key = Object::new()
        .text("userName", KEPT_USER)
        .text("accessKeyId", "AKIADEMOBACKUPAGENT3")
        .text("status", "Active")
        .text("createDate", &spoken(scene.place.at))
        .end();
    let call = Call::write(IAM, "CreateAccessKey")
        .parameters(named)
        .response(Object::new().raw("accessKey", &key).end());
    scene.step("key made for another user", Theme::Credentials, &call);
}

fn share_database(scene: &mut Scene<'_>) {
    let call = Call::read(RDS, "DescribeDBSnapshots").parameters(r#"{"maxRecords":100}"#);
    scene.step("look for snapshots", Theme::Discovery, &call);
    let source = Object::new()
        .text("dBSnapshotIdentifier", DB_SNAPSHOT)
        .text("dBInstanceIdentifier", "orders")
        .end();
    let made = Object::new()
        .text("dBSnapshotIdentifier", DB_SNAPSHOT)
        .text("dBInstanceIdentifier", "orders")
        .text(
            "dBSnapshotArn",
            &format!("arn:aws:rds:{HOME_REGION}:{}:snapshot:{DB_SNAPSHOT}", DATA.id),
        )
        .text("engine", "postgres")
        .text("engineVersion", "17.4")
        .raw("allocatedStorage", "400")
        .raw("encrypted", "false")
        .text("snapshotType", "manual")
        .text("status", "creating")
        .raw("percentProgress", "0")
        .end();
    let call = Call::write(RDS, "CreateDBSnapshot").parameters(source).response(made);
    scene.step("database snapshot made", Theme::Exfiltration, &call);
    scene.wait(240, 420);
    let shared = Object::new()
        .text("dBSnapshotIdentifier", DB_SNAPSHOT)
        .text("attributeName", "restore")
        .raw("valuesToAdd", &format!(r#"["{FOREIGN_ACCOUNT}"]"#))
        .end();
    let attribute =
        format!(r#"[{{"attributeName":"restore","attributeValues":["{FOREIGN_ACCOUNT}"]}}]"#);
    let answer = Object::new()
        .text("dBSnapshotIdentifier", DB_SNAPSHOT)
        .raw("dBSnapshotAttributes", &attribute)
        .end();
    let call = Call::write(RDS, "ModifyDBSnapshotAttribute").parameters(shared).response(answer);
    scene.step("database snapshot shared", Theme::Exfiltration, &call);
}

fn share_volume(scene: &mut Scene<'_>) {
    let source = Object::new().text("volumeId", VOLUME).text("description", "migration").end();
    let made = Object::new()
        .text("requestId", &scene.tape.random.uuid())
        .text("snapshotId", SNAPSHOT)
        .text("volumeId", VOLUME)
        .text("status", "pending")
        .text("ownerId", DATA.id)
        .raw("encrypted", "false")
        .end();
    let call = Call::write(EC2, "CreateSnapshot").parameters(source).response(made);
    scene.step("volume snapshot made", Theme::Exfiltration, &call);
    scene.wait(120, 240);
    let permission = format!(r#"{{"add":{{"items":[{{"userId":"{FOREIGN_ACCOUNT}"}}]}}}}"#);
    let shared = Object::new()
        .text("snapshotId", SNAPSHOT)
        .raw("createVolumePermission", &permission)
        .text("attributeType", "CREATE_VOLUME_PERMISSION")
        .end();
    let answer =
        Object::new().text("requestId", &scene.tape.random.uuid()).raw("_return", "true").end();
    let call = Call::write(EC2, "ModifySnapshotAttribute").parameters(shared).response(answer);
    scene.step("volume snapshot shared", Theme::Exfiltration, &call);
}

fn destroy_database(scene: &mut Scene<'_>) {
    let database = "orders-archive";
    let parameters = Object::new()
        .text("dBInstanceIdentifier", database)
        .raw("skipFinalSnapshot", "true")
        .raw("deleteAutomatedBackups", "true")
        .end();
    let answer = Object::new()
        .text("dBInstanceIdentifier", database)
        .text("dBInstanceClass", "db.r7g.large")
        .text("engine", "postgres")
        .text("engineVersion", "17.4")
        .text("dBInstanceStatus", "deleting")
        .text("dBInstanceArn", &format!("arn:aws:rds:{HOME_REGION}:{}:db:{database}", DATA.id))
        .text("instanceCreateTime", &iso(scene.place.at - 90 * DAY))
        .raw("deletionProtection", "false")
        .raw("multiAZ", "false")
        .end();
    let call = Call::write(RDS, "DeleteDBInstance").parameters(parameters).response(answer);
    scene.step("database destroyed", Theme::Destruction, &call);
}

fn stop_trail(scene: &mut Scene<'_>, trail: &str) {
    let call = Call::read(CLOUDTRAIL, "DescribeTrails");
    scene.step("look for trails", Theme::Discovery, &call);
    let named = trail_parameters(scene, trail);
    let call = Call::write(CLOUDTRAIL, "StopLogging").parameters(named);
    scene.step("trail stopped", Theme::Logging, &call);
}

fn delete_trail(scene: &mut Scene<'_>, trail: &str) {
    let named = trail_parameters(scene, trail);
    let call = Call::write(CLOUDTRAIL, "DeleteTrail").parameters(named);
    scene.step("trail deleted", Theme::Logging, &call);
}

fn trail_parameters(scene: &mut Scene<'_>, trail: &str) -> String {
    let arn = scene.fill(&format!("arn:aws:cloudtrail:%R:%A:trail/{trail}"));
    Object::new().text("name", &arn).end()
}
