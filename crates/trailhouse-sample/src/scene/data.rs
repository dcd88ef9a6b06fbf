//! Reads of objects, the data events that the trail records for one bucket.

use super::{Rhythm, Scene, moment};
use crate::{
    caller::{Origin, RoleSession, role_session, session_key},
    json::Object,
    organization::{DATA, EGRESS_IPS},
    service::S3,
    tape::{Call, Category, Tape},
};

const BUCKET: &str = "demo-data-lake";
const TABLES: [&str; 4] = ["orders", "customers", "payments", "refunds"];

pub(super) fn play_hour(tape: &mut Tape, hour_starts: i64, hour: i64, rhythm: Rhythm) {
    let at = moment(tape, hour_starts);
    let key = session_key(&mut tape.random);
    let session = RoleSession {
        account: DATA,
        role: "report-builder",
        path: "",
        session: "report-builder",
        key: Some(&key),
        created_at: at,
        origin: Origin::Program,
    };
    let address = tape.random.word(&EGRESS_IPS);
    let agent = "aws-sdk-java/2.31.50 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.134 \
                 lang/java#21.0.7 md/OpenJDK_64-Bit_Server_VM";
    let mut scene = Scene::new(tape, DATA, at, role_session(&session, address, agent)).pace(3);
    let reads = match rhythm {
        Rhythm::Working if (6..18).contains(&hour) => 24,
        Rhythm::Working | Rhythm::Resting => 4,
    };
    for _ in 0..scene.tape.random.between(reads, reads + 12) {
        read_object(&mut scene);
    }
}

fn read_object(scene: &mut Scene<'_>) {
    let table = scene.tape.random.word(&TABLES);
    let key = scene.fill(&format!("warehouse/{table}/part-%N.parquet"));
    let bucket_arn = format!("arn:aws:s3:::{BUCKET}");
    let object = Object::new()
        .text("type", "AWS::S3::Object")
        .text("ARN", &format!("{bucket_arn}/{key}"))
        .end();
    let bucket = Object::new()
        .text("accountId", scene.place.account.id)
        .text("type", "AWS::S3::Bucket")
        .text("ARN", &bucket_arn)
        .end();
    let parameters = Object::new()
        .text("bucketName", BUCKET)
        .text("Host", &scene.fill(&format!("{BUCKET}.s3.%R.amazonaws.com")))
        .text("key", &key)
        .end();
    let call = Call::read(S3, "GetObject")
        .parameters(parameters)
        .resources(format!("[{object},{bucket}]"));
    scene.play(&Call { category: Category::Data, ..call });
}
