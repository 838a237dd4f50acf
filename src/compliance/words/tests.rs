//! Sets against texts: what is found, how alike, and what is excused.

use super::*;

fn set(level: Level, phrases: &[&str]) -> WordSet {
    let phrases = phrases.iter().map(|phrase| Arc::from(*phrase)).collect();
    WordSet { name: "金融".into(), version: "v1".into(), level, party: Party::Any, phrases }
}

fn words(level: Level, phrases: &[&str]) -> Words {
    Words::compile(&[set(level, phrases)]).expect("good phrases")
}

/// `phrase=text/level`, with `~` when it is excused.
fn found(words: &Words, text: &str) -> Vec<String> {
    let hits = words.scan(text).into_iter();
    let shown = hits.map(|hit| {
        let excused = if hit.excused { "~" } else { "" };
        format!("{excused}{}={}/{}", hit.phrase, &text[hit.bytes], hit.level)
    });
    shown.collect()
}

#[test]
fn an_exact_phrase_is_found_however_it_is_written() {
    let words = words(Level::Exact, &["保本保息", "无风险", "100%收益", "vip客户"]);
    for (text, expected) in [
        ("我们保本保息的", "保本保息=保本保息/exact"),
        ("我们 保 本，保　息 的", "保本保息=保 本，保　息/exact"),
        ("這是無風險的", "无风险=無風險/exact"),
        ("百分之百收益哦", "100%收益=百分之百收益/exact"),
        ("１００％收益", "100%收益=１００％收益/exact"),
        ("您是ＶＩＰ客戶", "vip客户=ＶＩＰ客戶/exact"),
    ] {
        assert_eq!(found(&words, text), [expected], "{text}");
    }
    for text in ["", "保本", "报本报息", "无封险", "有风险"] {
        assert_eq!(found(&words, text), [""; 0], "{text}");
    }
}

#[test]
fn levels_hear_more_and_more() {
    let phrases = ["无风险", "保本保息", "重庆银行", "保本"];
    for (text, exact, homophone, near) in [
        ("无风险", true, true, true),
        ("无封险", false, true, true),
        ("吴丰县", false, true, true),
        ("无分险", false, false, true),
        ("无轰线", false, false, true),
        ("包本包西", false, true, true),
        ("报奔", false, true, true),
        ("报崩", false, false, false),
        ("崇庆银航", false, true, true),
        ("众庆淫行", false, true, true),
        ("从庆林行", false, false, false),
        ("有风险", false, false, false),
    ] {
        for (level, expected) in [(Level::Exact, exact), (Level::Homophone, homophone), (Level::Near, near)] {
            let found = found(&words(level, &phrases), text);
            assert_eq!(!found.is_empty(), expected, "{text} {level}: {found:?}");
        }
    }
    let near = words(Level::Near, &phrases);
    assert_eq!(
        found(&near, "无风险，无封险，无分险"),
        ["无风险=无风险/exact", "无风险=无封险/homophone", "无风险=无分险/near"]
    );
}

#[test]
fn what_is_marked_exact_is_not_looked_for_by_sound() {
    let words = words(Level::Near, &["=根治", "保证[..3]收益", "一[..1]定赚"]);
    assert_eq!(found(&words, "跟之前一样，根治，根質"), ["=根治=根治/exact"]);
    assert_eq!(
        found(&words, "包怎有搜意"),
        ["保证[..3]收益=包怎有搜意/near"],
        "parts of two in a phrase of four"
    );
    assert_eq!(found(&words, "医钉钻"), ["一[..1]定赚=医钉钻/near"]);
}

#[test]
fn the_longest_phrase_speaks_for_its_place() {
    let words = words(Level::Exact, &["保本", "保本保息", "保息", "息费", "哈哈"]);
    assert_eq!(
        found(&words, "保本保息费，保本"),
        ["保本保息=保本保息/exact", "息费=息费/exact", "保本=保本/exact"]
    );
    assert_eq!(found(&words, "哈哈哈哈哈"), ["哈哈=哈哈/exact", "哈哈=哈哈/exact"]);
}

#[test]
fn windows_patterns_and_alternatives() {
    for (phrase, text, expected) in [
        ("保证|承诺[..6]收益|本金", "我们承诺您的本金安全", "承诺您的本金"),
        ("保证|承诺[..6]收益|本金", "保证您在本产品里面的收益", ""),
        ("保证[2..6]收益", "保证收益", ""),
        ("保证[2..6]收益", "保证您的收益", "保证您的收益"),
        ("保证[~6]收益", "收益有保证", "收益有保证"),
        ("保证[~6]收益", "保证有收益", "保证有收益"),
        ("保证[..6]收益", "收益有保证", ""),
        ("验证码[..4][digits 4..8]", "您的验证码是 １２３４５６ 吗", "验证码是 １２３４５６"),
        ("验证码[..4][digits 4..8]", "验证码一二三", ""),
        ("验证码[..4][digits 4..8]", "验证码一二三四", "验证码一二三四"),
        ("[digits 11]是你的", "13812345678是你的", "13812345678是你的"),
        ("A[..3]B[..3]C", "a..b....c", "a..b....c"),
        ("甲[..2]乙[..2]丙", "甲一二三乙丙", ""),
        ("甲[..2]乙[..2]丙", "甲甲一乙二丙", "甲一乙二丙"),
    ] {
        let words = words(Level::Exact, &[phrase]);
        let found: Vec<&str> = words.scan(text).into_iter().map(|hit| &text[hit.bytes]).collect();
        assert_eq!(found.join("|"), expected, "{phrase} in {text}");
    }
}

#[test]
fn exceptions_excuse_and_are_counted_apart() {
    let words = words(
        Level::Homophone,
        &["保本保息", "保本", "!不承诺保本保息", "!不[..2]*", "!*[..4]是违法的", "!保本微利"],
    );
    for (text, expected) in [
        ("我们不承诺保本保息", "~保本保息=保本保息/exact"),
        ("我们不承诺宝本保息", "~保本保息=宝本保息/homophone"),
        ("我们承诺保本保息", "保本保息=保本保息/exact"),
        ("不是保本的", "~保本=保本/exact"),
        ("不是说它保本的", "保本=保本/exact"),
        ("保本保息的话是违法的", "~保本保息=保本保息/exact"),
        ("保本保息，这样的说法是违法的", "保本保息=保本保息/exact"),
        ("保本微利", "~保本=保本/exact"),
        ("不保本，但它保本", "~保本=保本/exact 保本=保本/exact"),
    ] {
        assert_eq!(found(&words, text).join(" "), expected, "{text}");
    }
}

#[test]
fn a_set_minds_its_party() {
    let mut agent = set(Level::Exact, &["投诉你"]);
    agent.party = Party::Agent;
    let mut customer = set(Level::Homophone, &["还不上"]);
    (customer.party, customer.name) = (Party::Customer, "还款".into());
    let words = Words::compile(&[agent, customer]).expect("good phrases");
    let both = "投诉你，环不上";
    let names =
        |party| words.scan_as(party, both).into_iter().map(|hit| hit.set.to_string()).collect::<Vec<_>>();
    assert_eq!(names(Party::Agent), ["金融"]);
    assert_eq!(names(Party::Customer), ["还款"]);
    assert_eq!(names(Party::Any), ["金融", "还款"]);
}

#[test]
fn every_bad_phrase_is_named() {
    let bad = Words::compile(&[set(Level::Exact, &["，", "保本", "保[", "!*"])]).expect_err("three are bad");
    assert_eq!(
        bad.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "金融: \"，\": has no letters",
            "金融: \"保[\": brackets hold [..12], [2..12], [~12], [digits 6] or [digits 4..8]",
            "金融: \"!*\": has no letters"
        ]
    );
}

#[test]
fn many_readings_cost_no_more_than_their_bound() {
    let words = words(Level::Near, &["和和和和和和行", "着着着着着行行行行"]);
    assert_eq!(found(&words, &"和".repeat(5_000)), [""; 0]);
    assert_eq!(found(&words, "和和和和和和和和行").len(), 1);
}

#[test]
fn places_are_right_in_texts_of_all_widths() {
    let words = words(Level::Homophone, &["m2价格", "𠮷野家", "cafe"]);
    assert_eq!(found(&words, "每㎡价格"), ["m2价格=㎡价格/exact"]);
    assert_eq!(found(&words, "去𠮷野家"), ["𠮷野家=𠮷野家/exact"]);
    assert_eq!(found(&words, "caf\u{e9} cafe\u{301}"), ["cafe=café/exact", "cafe=cafe/exact"]);
}
