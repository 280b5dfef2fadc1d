//! How exactly messages are held, how long rules act, and what the counters say of it.

use std::time::{Duration, Instant};

use squall_proxy::{BootTime, Delay, Distribution, Effect, Rule, RuleSet, Share, Side, Timer};

use crate::stand::{EARLY_MAX, Stand, get, mirror, rule};

const LONG: Duration = Duration::from_secs(600);

/// Waits until a request is being held, seen by its count.
fn while_held(stand: &Stand, act: impl FnOnce()) -> Duration {
    let mut client = stand.client();
    std::thread::scope(|scope| {
        let request = scope.spawn(move || get(&mut client, "/held").2);
        stand.eventually("matched", |seen| seen.matched == 1);
        act();
        request.join().unwrap()
    })
}

#[test]
fn held_messages_are_on_time() {
    let stand = Stand::before(mirror());
    let asked = Duration::from_millis(20);
    stand.delay("*", Side::Request, asked);
    let mut client = stand.client();
    let mut off: Vec<u128> =
        (0..200).map(|_| get(&mut client, "/").2.abs_diff(asked).as_micros()).collect();
    off.sort_unstable();
    let seen = stand.seen();
    let held_off = (seen.delivered_ns_total - seen.asked_ns_total) / 200_000;
    println!("off by, client's clock: median {} us, p99 {} us", off[100], off[198]);
    println!("off by, proxy's clock: mean {held_off} us, buckets {:?}", seen.error_us);
    assert_eq!(seen.delayed, 200);
    assert_eq!(seen.error_us.iter().sum::<u64>(), 200);
    assert!(seen.delivered_ns_total >= seen.asked_ns_total, "never early");
}

/// The reason for a timer of our own, as a ratio that holds on any machine.
#[test]
fn the_timer_is_finer_than_the_runtimes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, theirs) = runtime.block_on(async {
        let timer = Timer::new().unwrap();
        let driver = timer.clone();
        let driver = tokio::spawn(async move { driver.drive().await });
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for step in 0..101 {
            let wait = Duration::from_micros(2_000 + 13 * step);
            let began = Instant::now();
            timer.until(BootTime::now().after(wait)).await;
            ours.push(began.elapsed().saturating_sub(wait));
            let began = Instant::now();
            tokio::time::sleep(wait).await;
            theirs.push(began.elapsed().saturating_sub(wait));
        }
        driver.abort();
        ours.sort_unstable();
        theirs.sort_unstable();
        (ours[50], theirs[50])
    });
    println!("median lateness: ours {ours:?}, the runtime's {theirs:?}");
    assert!(ours < theirs, "ours {ours:?}, the runtime's {theirs:?}");
}

#[test]
fn many_waits_share_the_timer_and_end_in_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let timer = Timer::new().unwrap();
        let driver = timer.clone();
        let driver = tokio::spawn(async move { driver.drive().await });
        let start = BootTime::now();
        let mut waits = tokio::task::JoinSet::new();
        for step in [9_u64, 3, 7, 1, 5, 200_000] {
            let timer = timer.clone();
            let deadline = start.after(Duration::from_millis(step));
            waits.spawn(async move {
                timer.until(deadline).await;
                step
            });
        }
        let mut order = Vec::new();
        while order.len() < 5 {
            order.push(waits.join_next().await.unwrap().unwrap());
        }
        assert_eq!(order, [1, 3, 5, 7, 9]);
        driver.abort();
    });
}

#[test]
fn cleared_rules_let_go_at_once() {
    let stand = Stand::before(mirror());
    stand.delay("*", Side::Request, LONG);
    let took = while_held(&stand, || stand.layer.rules().clear());
    assert!(took < LONG / 10);
    let seen = stand.seen();
    assert_eq!((seen.delayed, seen.cut), (0, 1));
}

#[test]
fn swapped_rules_let_go_of_what_the_old_ones_held() {
    let stand = Stand::before(mirror());
    stand.delay("*", Side::Request, LONG);
    while_held(&stand, || stand.delay("*", Side::Request, Duration::ZERO));
    get(&mut stand.client(), "/");
    let seen = stand.seen();
    assert_eq!((seen.delayed, seen.cut), (1, 1));
}

#[test]
fn an_expiry_that_nobody_renews_ends_the_delay() {
    let stand = Stand::before(mirror());
    let set = RuleSet::new(vec![rule("*", Side::Request, LONG)], 1).unwrap();
    let lease = Duration::from_millis(800);
    stand.layer.rules().arm(set, BootTime::now().after(lease));
    let began = Instant::now();
    let took = get(&mut stand.client(), "/").2;
    assert!(took < LONG / 10 && began.elapsed() >= lease / 2, "{took:?}");
    assert!(!stand.layer.rules().armed(BootTime::now()));
    // One that comes after the end is not even read.
    get(&mut stand.client(), "/");
    let seen = stand.seen();
    assert_eq!((seen.requests, seen.matched, seen.delayed, seen.cut), (1, 1, 0, 1));
    assert_eq!(seen.connections, 2);
}

#[test]
fn a_renewal_reaches_a_message_that_is_held_already() {
    let stand = Stand::before(mirror());
    let asked = Duration::from_millis(1_200);
    let set = RuleSet::new(vec![rule("*", Side::Request, asked)], 1).unwrap();
    stand.layer.rules().arm(set, BootTime::now().after(asked * 5 / 6));
    let renewed = BootTime::now().after(LONG);
    let took = while_held(&stand, || stand.layer.rules().extend(renewed));
    assert!(took + EARLY_MAX >= asked, "{took:?}");
    assert_eq!(stand.seen().delayed, 1);
}

#[test]
fn share_and_jitter_follow_the_seed() {
    let run = || {
        let stand = Stand::before(mirror());
        let (mean, jitter) = (Duration::from_micros(500), Duration::from_micros(500));
        let distribution = Distribution::Uniform;
        let effect = Effect::Delay(Delay { distribution, mean, jitter });
        let share = Share::random(0.25);
        let dose = Rule { share, effect, ..rule("*", Side::Request, mean) };
        stand.arm(vec![dose]);
        let mut client = stand.client();
        for _ in 0..400 {
            get(&mut client, "/");
        }
        let seen = stand.seen();
        (seen.matched, seen.delayed, seen.asked_ns_total)
    };
    let (matched, delayed, asked) = run();
    assert_eq!(run(), (matched, delayed, asked));
    assert_eq!(matched, 400);
    assert!((70..=130).contains(&delayed), "{delayed}");
    let mean_us = asked / delayed / 1000;
    assert!((400..=600).contains(&mean_us), "{mean_us}");
}
