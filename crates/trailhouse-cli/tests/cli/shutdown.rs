//! How the service ends, and what it leaves behind for the next one.

use std::time::{Duration, Instant};

use crate::{
    service::{Service, SlowNetwork, wait_until},
    support::{count_events, finish},
    watch::{Scene, invictus},
};

#[test]
fn a_drain_under_load_hands_back_what_it_did_not_finish() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    scene.upload(&objects, 3);
    let commits = |service: &Service| service.metric("trailhouse_commits_total");
    let received = |service: &Service| service.metric("trailhouse_messages_received_total");
    let fetched = |service: &Service| service.metric("trailhouse_decode_duration_seconds_count");
    let moments: [&dyn Fn(&Service) -> bool; 5] = [
        &|_| true,
        &|service| received(service) > 0.0,
        &|service| fetched(service) > 0.0,
        &|service| received(service) > 60.0,
        &|service| commits(service) > 0.0,
    ];
    for has_come in moments {
        let drain_timeout = Duration::from_secs(25);
        let seconds = drain_timeout.as_secs().to_string();
        let flags = ["--commit-interval", "1", "--drain-timeout", &seconds];
        let service = Service::start(&scene, &scene.endpoint, &flags);
        wait_until("its moment", || scene.depth() == "0 0" || has_come(&service));
        let asked = Instant::now();
        service.signal("TERM");
        let run = service.wait().expect_code(0);
        assert!(asked.elapsed() <= drain_timeout);
        assert!(run.stderr.contains("Stored "), "the summary: {}", run.stderr);
        assert!(scene.depth().ends_with(" 0"), "nothing stays hidden: {}", scene.depth());
    }
    scene.watch_once();
    assert_eq!(count_events(&scene.lake()), 2_900);
    assert_eq!(scene.depth(), "0 0");
}

#[test]
fn a_drain_does_not_wait_for_downloads_that_hang() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    scene.upload(&objects, 1);
    let network = SlowNetwork::before(&scene.endpoint);
    network.stall_downloads();
    let drain_timeout = Duration::from_secs(20);
    let service = Service::start(&scene, &network.url(), &["--drain-timeout", "20"]);
    wait_until("it downloads", || service.metric("trailhouse_objects_in_flight") > 0.0);
    let asked = Instant::now();
    service.signal("TERM");
    service.wait().expect_code(0);
    assert!(asked.elapsed() <= drain_timeout);
    assert!(scene.depth().ends_with(" 0"), "all is handed back: {}", scene.depth());
    scene.watch_once();
    assert_eq!(count_events(&scene.lake()), 2_900);
}

#[test]
fn a_drain_ends_in_time_where_nothing_answers() {
    let Some(scene) = Scene::new() else { return };
    let network = SlowNetwork::before(&scene.endpoint);
    let service = Service::start(&scene, &network.url(), &["--drain-timeout", "4"]);
    wait_until("it is ready", || {
        service.get("/statusz").1.contains("\"the lake was not asked yet\"\n  ]")
    });
    network.stall_everything();
    let asked = Instant::now();
    service.signal("TERM");
    service.wait().expect_code(0);
    // A call that nobody answers is given up after half a minute and tried again.
    assert!(asked.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    scene.upload(&objects, 1);
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let network = SlowNetwork::before(&scene.endpoint);
        network.stall_downloads();
        let flags = ["--drain-timeout", "3600", "--visibility-timeout", "10"];
        let service = Service::start(&scene, &network.url(), &flags);
        wait_until("it downloads", || service.metric("trailhouse_objects_in_flight") > 0.0);
        network.stall_everything();
        service.signal(signal);
        wait_until("it drains", || service.get("/readyz").1.contains("draining"));
        service.signal(signal);
        service.wait().expect_code(code);
    }
    // What they held becomes visible again after their ten seconds.
    let mut rounds = 0;
    while scene.depth() != "0 0" {
        assert!(rounds < 30, "the queue does not drain: {}", scene.depth());
        finish(scene.watch_command(10).spawn().unwrap()).expect_code(0);
        rounds += 1;
    }
    assert_eq!(count_events(&scene.lake()), 2_900);
}
