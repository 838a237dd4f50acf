//! A recogniser that changes its mind.

use super::super::WordSet;
use super::*;

fn words(phrases: &[&str]) -> Arc<Words> {
    let phrases = phrases.iter().map(|phrase| Arc::from(*phrase)).collect();
    let set = WordSet { name: "金融".into(), level: Level::Homophone, phrases, ..WordSet::default() };
    Arc::new(Words::compile(&[set]).expect("good phrases"))
}

fn heard(segment: u64, text: &str, last: bool) -> Heard<'_> {
    let from_ms = segment * 10_000;
    Heard { segment, text, from_ms, to_ms: from_ms + text.chars().count() as u64 * 200, marks: &[], last }
}

/// `+1 保本 400-800` a hit, `=1 …` became, `-1` withdrawn, `~1` excused, `!1` charged.
fn told(news: Vec<News>) -> String {
    let shown = |sign: &str, hit: &Noticed| {
        let excused = if hit.excused { "~" } else { "" };
        format!("{sign}{} {excused}{} {}-{}", hit.id.0, hit.phrase, hit.from_ms, hit.to_ms)
    };
    let lines = news.iter().map(|news| match news {
        News::Hit(hit) => shown("+", hit),
        News::Became(hit) => shown("=", hit),
        News::Withdrawn(id) => format!("-{}", id.0),
        News::Excused(id) => format!("~{}", id.0),
        News::Charged(id) => format!("!{}", id.0),
    });
    lines.collect::<Vec<_>>().join(", ")
}

fn story(phrases: &[&str], steps: &[(u64, &str, bool, &str)]) {
    let mut watcher = Watcher::new(words(phrases), Party::Agent);
    for (segment, text, last, expected) in steps {
        assert_eq!(told(watcher.hear(&heard(*segment, text, *last))), *expected, "segment {segment}: {text}");
    }
}

#[test]
fn a_growing_text_tells_each_hit_once() {
    story(
        &["保本保息", "无风险"],
        &[
            (0, "我们", false, ""),
            (0, "我们保本保", false, ""),
            (0, "我们保本保息", false, "+1 保本保息 400-1200"),
            (0, "我们保本保息", false, ""),
            (0, "我们保本保息而且保本保息", false, "+2 保本保息 1600-2400"),
            (0, "我们保本保息，而且保本保息。", true, ""),
            (0, "我们保本保息，而且保本保息，保本保息。", true, ""),
            (1, "无封险", true, "+3 无风险 10000-10600"),
        ],
    );
}

#[test]
fn what_a_correction_moves_is_not_told_again() {
    story(
        &["保本保息"],
        &[
            (0, "那保本保息", false, "+1 保本保息 200-1000"),
            (0, "那么我们宝本保息", false, ""),
            (0, "那么我们跑步报喜", false, "-1"),
            (0, "那么我们保本保息", true, "+2 保本保息 800-1600"),
        ],
    );
}

#[test]
fn a_phrase_may_span_segments() {
    story(
        &["保本保息", "验证码[..4][digits 4..6]"],
        &[
            (0, "它是保本的", true, ""),
            (1, "保本", true, ""),
            (2, "保息啊", false, "+1 保本保息 10000-20400"),
            (2, "保息啊验证码是", true, ""),
            (3, "一二三四", true, "+2 验证码[..4][digits 4..6] 20600-30800"),
            (4, "好", true, ""),
        ],
    );
}

#[test]
fn a_hit_may_turn_out_longer() {
    story(
        &["保本", "保本保息"],
        &[
            (0, "保本", false, "+1 保本 0-400"),
            (0, "保本保息", true, "=1 保本保息 0-800"),
            (1, "保本", true, "+2 保本 10000-10400"),
            (2, "保息", true, "=2 保本保息 10000-20400"),
        ],
    );
}

#[test]
fn what_comes_later_may_excuse() {
    story(
        &["保本保息", "!*[..3]是违法的", "!不承诺[..2]*"],
        &[
            (0, "保本保息", true, "+1 保本保息 0-800"),
            (1, "那是违法的", true, "~1"),
            (2, "不承诺保本保息", false, "+2 ~保本保息 20600-21400"),
            (2, "我承诺保本保息", true, "!2"),
        ],
    );
}

#[test]
fn two_segments_may_be_open_and_old_ones_stay_closed() {
    story(
        &["保本保息"],
        &[
            (0, "保本", false, ""),
            (1, "保息", false, "+1 保本保息 0-10400"),
            (0, "跑步", true, "-1"),
            (1, "保本保息", true, "+2 保本保息 10000-10800"),
            (0, "保本保息", true, ""),
        ],
    );
}

#[test]
fn what_is_settled_outlives_what_is_forgotten() {
    let mut watcher = Watcher::new(words(&["保本保息", "不", "!不[..2]*"]), Party::Agent);
    let mut all = Vec::new();
    for segment in 0..200 {
        let text = if segment % 2 == 0 { "保本" } else { "保息" };
        all.extend(watcher.hear(&heard(segment, text, true)));
        assert!(watcher.segments.len() <= bounds::WORD_SEGMENTS);
    }
    assert_eq!(all.len(), 100, "one hit for each pair, nothing withdrawn: {}", told(all));
}

#[test]
fn a_segment_without_end_is_looked_through_to_its_end() {
    let mut watcher = Watcher::new(words(&["保本保息"]), Party::Agent);
    let mut text = String::new();
    let mut hits = 0;
    for _ in 0..400 {
        text.push_str("今天天气很好我们走吧大家都去公园看看保本保息");
        hits += watcher.hear(&heard(0, &text, false)).len();
    }
    assert_eq!(hits, 400);
    assert!(watcher.segments.len() <= bounds::WORD_SEGMENTS && watcher.known.len() < 1_000);
}

#[test]
fn marks_say_where_a_hit_stands() {
    let mut watcher = Watcher::new(words(&["保本保息"]), Party::Agent);
    let marks = [(0, 1_000), (2, 1_600), (6, 3_600), (4, 9)].map(|(chars, at_ms)| Mark { chars, at_ms });
    let heard =
        Heard {
            segment: 7, text: "我们保本保息吗", from_ms: 900, to_ms: 4_000, marks: &marks, last: true
        };
    assert_eq!(told(watcher.hear(&heard)), "+1 保本保息 1600-3600");
}

#[test]
fn new_words_reach_what_is_still_open() {
    let mut watcher = Watcher::new(words(&["无风险"]), Party::Agent);
    assert_eq!(told(watcher.hear(&heard(0, "保本保息无风险", true))), "+1 无风险 800-1400");
    assert_eq!(told(watcher.hear(&heard(1, "保本保息", false))), "");
    assert_eq!(told(watcher.replace(words(&["无风险", "保本保息"]))), "+2 保本保息 10000-10800");
    assert_eq!(told(watcher.hear(&heard(1, "保本保息", true))), "");
}
