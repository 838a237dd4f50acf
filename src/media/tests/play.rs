//! Playing: paced by the clock, whole or said not to be, stopped at once.

use super::*;
use crate::base::PromptId;
use crate::rtp::g711::A_LAW_SILENCE;

const HELLO: PromptId = PromptId(1);

fn library() -> Order {
    let mut library = PromptLibrary::new();
    let samples: Vec<i16> = (0..8_000).map(|n| if n % 16 < 8 { 8_000 } else { -8_000 }).collect();
    library.insert(HELLO, Prompt::from_samples(&samples));
    Order::Prompts(std::sync::Arc::new(library))
}

fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.order(library());
    stage.leg(A, aim(alice()));
    stage.news();
    stage
}

fn play(stage: &mut Stage, play: u32, sounds: &[Sound], repeat: bool) {
    stage.order(Order::Play { call: stage.call, leg: A, play, sounds: sounds.to_vec(), repeat });
}

fn played(stage: &mut Stage) -> Vec<(u32, bool)> {
    let ended = |news| match news {
        News::Played { play, whole, .. } => Some((play, whole)),
        _ => None,
    };
    stage.news().into_iter().filter_map(ended).collect()
}

/// The RTP of what was sent: reports go their own way.
fn sound(stage: &mut Stage) -> Vec<Sent> {
    stage.sent().into_iter().filter(|sent| sent.channel == Channel::Rtp).collect()
}

#[test]
fn a_second_of_prompt_is_fifty_packets_twenty_ms_apart() {
    let mut stage = stage();
    let began = stage.now;
    play(&mut stage, 7, &[Sound::Prompt(HELLO)], false);
    stage.pass(3_000);
    let sent = sound(&mut stage);
    assert_eq!(sent.len(), 50);
    assert!(sent[0].at.since(began) <= Duration::from_millis(5), "begins at once");
    for (pair, packets) in
        sent.windows(2).zip(sent.windows(2).map(|pair| [pair[0].packet(), pair[1].packet()]))
    {
        assert_eq!(pair[1].at.since(pair[0].at), Duration::from_millis(20));
        assert_eq!(packets[1].timestamp, packets[0].timestamp.wrapping_add(160));
        assert_eq!(packets[1].seq, packets[0].seq.wrapping_add(1));
        assert!(!packets[1].marker);
    }
    assert!(sent[0].packet().marker);
    assert!(
        sent.iter().all(|sent| sent.to == alice() && sent.packet().pt == 8 && sent.payload().len() == 160)
    );
    assert_eq!(played(&mut stage), [(7, true)]);
    assert_eq!(sound(&mut stage), [], "nothing after the end");
}

#[test]
fn stopping_is_immediate_and_a_new_play_takes_over() {
    let mut stage = stage();
    play(&mut stage, 1, &[Sound::Prompt(HELLO)], true);
    stage.pass(5_000);
    assert_eq!(sound(&mut stage).len(), 250);
    play(&mut stage, 2, &[Sound::Silence(Duration::from_millis(40))], false);
    stage.pass(100);
    let sent = sound(&mut stage);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|sent| sent.payload().iter().all(|octet| *octet == A_LAW_SILENCE)));
    play(&mut stage, 3, &[Sound::Prompt(HELLO)], false);
    stage.pass(200);
    sound(&mut stage);
    stage.order(Order::Stop { call: stage.call, leg: A });
    stage.pass(200);
    assert_eq!(sound(&mut stage), []);
    assert_eq!(played(&mut stage), [(1, false), (2, true), (3, false)]);
}

#[test]
fn what_cannot_be_played_is_said() {
    let mut stage = stage();
    play(&mut stage, 1, &[Sound::Prompt(PromptId(99))], false);
    stage.pass(50);
    play(&mut stage, 2, &[], true);
    stage.pass(50);
    stage.aim(A, Aim { formats: formats(&["18 G729/8000"]), ..aim(alice()) });
    play(&mut stage, 3, &[Sound::Prompt(HELLO)], true);
    stage.pass(50);
    assert_eq!(played(&mut stage), [(1, false), (2, true), (3, false)]);
    assert_eq!(sound(&mut stage), []);
}

#[test]
fn a_held_leg_lets_its_prompt_pass_by_unheard() {
    let mut stage = stage();
    stage.aim(A, Aim { send: false, ..aim(alice()) });
    play(&mut stage, 1, &[Sound::Prompt(HELLO)], false);
    stage.pass(1_100);
    assert_eq!((sound(&mut stage), played(&mut stage)), (vec![], vec![(1, true)]));
}

#[test]
fn a_stall_is_made_good_in_part_and_the_rest_is_later() {
    let mut stage = stage();
    play(&mut stage, 1, &[Sound::Prompt(HELLO)], false);
    stage.pass(200);
    let before = sound(&mut stage).len();
    stage.now = stage.now + Duration::from_millis(900);
    stage.wire.now = stage.now;
    stage.worker.tick(stage.now, &mut stage.wire);
    assert!(sound(&mut stage).len() <= 3, "a burst");
    stage.pass(3_000);
    let rest = sound(&mut stage);
    assert!(before + 3 + rest.len() >= 50 && played(&mut stage) == [(1, true)]);
}

#[test]
fn joining_ends_the_ring_back_and_nothing_is_relayed_into_a_prompt() {
    let mut stage = stage();
    stage.leg(B, aim(bob()));
    play(&mut stage, 1, &[Sound::Tone(Tone::RingBack)], true);
    stage.pass(100);
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    sound(&mut stage);
    assert!(stage.says(B, bob(), &rtp(8, 0, 0xb, &[3; 160])).is_some());
    play(&mut stage, 2, &[Sound::Prompt(HELLO)], false);
    stage.pass(20);
    assert_eq!(sound(&mut stage).len(), 1);
    assert_eq!(stage.says(B, bob(), &rtp(8, 1, 0xb, &[3; 160])), None);
    assert!(stage.says(A, alice(), &rtp(8, 0, 0xa, &[3; 160])).is_some(), "the other way goes on");
    stage.pass(1_100);
    assert!(stage.says(B, bob(), &rtp(8, 60, 0xb, &[3; 160])).is_some());
    assert_eq!(played(&mut stage), [(1, false), (2, true)]);
}

#[test]
fn many_legs_play_at_once_and_each_keeps_its_pace() {
    let mut stage = stage();
    for n in 1..40 {
        stage.leg(LegId(n), aim(SocketAddr::new(alice().ip(), 4_000 + 2 * n)));
        stage.order(Order::Play {
            call: stage.call,
            leg: LegId(n),
            play: n.into(),
            sounds: vec![Sound::Prompt(HELLO)],
            repeat: false,
        });
        stage.pass(3);
    }
    stage.pass(2_000);
    let mut by_leg: HashMap<LegId, Vec<Time>> = HashMap::new();
    for sent in sound(&mut stage) {
        by_leg.entry(sent.leg).or_default().push(sent.at);
    }
    assert_eq!(by_leg.len(), 39);
    for (leg, times) in by_leg {
        assert_eq!(times.len(), 50, "{leg}");
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == Duration::from_millis(20)), "{leg}");
    }
    assert_eq!(played(&mut stage).len(), 39);
}
