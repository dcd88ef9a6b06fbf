//! Services that look everywhere: the configuration recorder, posture checks, backups.

use super::{
    Scene,
    lines::{INVENTORY, POSTURE},
    moment,
};
use crate::{
    caller::service_role,
    json::Object,
    organization::{ACCOUNTS, DATA, PAYMENTS, SECURITY, SampleAccount},
    service::{EC2, SSM},
    tape::{Call, Tape},
};

pub(super) fn play_hour(tape: &mut Tape, hour_starts: i64, hour: i64) {
    for (offset, account) in (0..).zip(ACCOUNTS) {
        if (hour + offset) % 12 == 0 {
            let at = moment(tape, hour_starts);
            take_stock(tape, account, at);
        }
    }
    if hour % 3 == 2 {
        let at = moment(tape, hour_starts);
        check_posture(tape, at);
    }
    if hour == 3 {
        for account in [PAYMENTS, DATA] {
            let at = moment(tape, hour_starts);
            back_up(tape, account, at);
        }
    }
}

fn take_stock(tape: &mut Tape, account: SampleAccount, at: i64) {
    let name = "config.amazonaws.com";
    let caller = service_role(account, "AWSServiceRoleForConfig", name, "AWSConfig-Describe", at);
    let mut scene = Scene::new(tape, account, at, caller).pace(4);
    scene.read_all(INVENTORY);
    scene.read_some(INVENTORY, 12, 26);
}

fn check_posture(tape: &mut Tape, at: i64) {
    let name = "securityhub.amazonaws.com";
    let role = "AWSServiceRoleForSecurityHub";
    let caller = service_role(SECURITY, role, name, "securityhub", at);
    let mut scene = Scene::new(tape, SECURITY, at, caller).pace(5);
    scene.read_all(POSTURE);
    scene.read_some(POSTURE, 4, 10);
}

/// Takes the nightly snapshots of volumes, as the lifecycle manager does.
fn back_up(tape: &mut Tape, account: SampleAccount, at: i64) {
    let name = "dlm.amazonaws.com";
    let role = "AWSServiceRoleForDataLifecycleManager";
    let caller = service_role(account, role, name, "dlm", at);
    let mut scene = Scene::new(tape, account, at, caller);
    for _ in 0..3 {
        let volume = scene.fill("vol-%N");
        let snapshot = scene.fill("snap-%N");
        let parameters = Object::new()
            .text("volumeId", &volume)
            .text("description", "Created for policy: policy-0demo0nightly")
            .end();
        let response = Object::new()
            .text("snapshotId", &snapshot)
            .text("volumeId", &volume)
            .text("status", "pending")
            .raw("encrypted", "true")
            .text("ownerId", account.id)
            .end();
        scene.play(&Call::write(EC2, "CreateSnapshot").parameters(parameters).response(response));
    }
    scene.play(
        &Call::read(EC2, "DescribeSnapshots")
            .parameters(r#"{"ownersSet":{"items":[{"owner":"self"}]}}"#),
    );
    scene.play(&Call::read(SSM, "DescribeMaintenanceWindows"));
}
