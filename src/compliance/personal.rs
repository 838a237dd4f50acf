//! Personal data in free text: phone numbers, identity cards, bank cards, names (requirements F9 and M1).
//!
//! What proves itself (a mobile number's form, an identity card's check digit, a bank card's Luhn sum) is certain. What only looks
//! like it is found too, and told apart: a mask may hide too much, an alarm may not cry too often.
//!
//! Invariant: what is found lies on character boundaries and nothing of it overlaps.

use std::ops::Range;

use crate::base::{mask_card, mask_digits, mask_id_card, mask_name};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A telephone number.
    Phone,
    /// A resident identity card's number (GB 11643).
    IdCard,
    /// A bank card's number (ISO/IEC 7812).
    BankCard,
    /// A person's name, with or without a title.
    Name,
    /// Seven digits and more of unknown meaning: an account, a policy, a number of another country.
    Number,
}

impl Kind {
    /// How values of this kind are masked; the requirement's own forms.
    pub fn mask(self, value: &str) -> String {
        match self {
            Kind::Phone | Kind::Number => mask_digits(value),
            Kind::IdCard => mask_id_card(value),
            Kind::BankCard => mask_card(value),
            Kind::Name => mask_name(value),
        }
    }
}

/// A place in a text that holds personal data. It does not hold the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Octets of the text.
    pub bytes: Range<usize>,
    /// Whether it proves itself.
    pub certain: bool,
}

/// Everything personal in `text`, in its order. Digits may be full-width or Chinese and stand in groups with a blank or a hyphen between.
pub fn find(text: &str) -> Vec<Found> {
    let mut found = numbers(text);
    for name in names(text) {
        if found
            .iter()
            .all(|other| other.bytes.end <= name.bytes.start || name.bytes.end <= other.bytes.start)
        {
            found.push(name);
        }
    }
    found.sort_by_key(|found| found.bytes.start);
    found
}

/// `text` with everything personal masked.
pub fn masked(text: &str) -> String {
    masked_at(text, &find(text))
}

/// `text` with what is or may be a telephone number or an identity card masked, and bank cards that prove themselves. Other
/// numbers stay, however long: of an order, of a policy, of a ticket. What a plan declares as personal is masked by its type and
/// not by this (PII-01).
pub fn masked_people(text: &str) -> String {
    if !text.chars().any(|c| digit(c).is_some()) {
        return text.to_string();
    }
    let mut found = numbers(text);
    found.retain(|found| {
        let abroad = || text.get(found.bytes.clone()).is_some_and(|value| value.starts_with('+'));
        found.certain || matches!(found.kind, Kind::Phone | Kind::IdCard) || abroad()
    });
    masked_at(text, &found)
}

fn masked_at(text: &str, found: &[Found]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut behind = 0;
    for found in found {
        out.push_str(text.get(behind..found.bytes.start).unwrap_or_default());
        let value = text.get(found.bytes.clone()).unwrap_or_default();
        out.push_str(&match found.kind {
            Kind::Name => found.kind.mask(value),
            kind => kind.mask(&plain(value)),
        });
        behind = found.bytes.end;
    }
    out + text.get(behind..).unwrap_or_default()
}

/// Whether `number` is 18 characters of an identity card with a date of birth and the right check digit (ISO 7064, MOD 11-2).
pub fn is_id_card(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let bytes = number.as_bytes();
    let (Some(digits), Some(check)) = (bytes.get(..17), bytes.get(17)) else { return false };
    if bytes.len() != 18 || !digits.iter().all(u8::is_ascii_digit) || !has_birthday(number.get(6..14)) {
        return false;
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    b"10X98765432".get(sum as usize % 11) == Some(&check.to_ascii_uppercase())
}

/// Whether `number` is 13 to 19 digits whose Luhn sum is right (ISO/IEC 7812-1 annex B).
pub fn is_bank_card(number: &str) -> bool {
    let doubled = |(at, digit): (usize, u8)| match (at % 2, u32::from(digit - b'0')) {
        (0, value) => value,
        (_, value) if value > 4 => value * 2 - 9,
        (_, value) => value * 2,
    };
    let is_long = (13..=19).contains(&number.len()) && number.bytes().all(|c| c.is_ascii_digit());
    // A run of one digit has a right sum now and then, and is no card.
    let is_dull = number.bytes().all(|c| Some(c) == number.bytes().next());
    is_long && !is_dull && number.bytes().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

/// `YYYYMMDD` of somebody who may live.
fn has_birthday(date: Option<&str>) -> bool {
    let part =
        |range: Range<usize>| date.and_then(|date| date.get(range)).and_then(|part| part.parse::<u32>().ok());
    matches!((part(0..4), part(4..6), part(6..8)), (Some(1900..=2099), Some(1..=12), Some(1..=31)))
}

/// A run of digits without anything between, as plain digits.
struct Group {
    digits: String,
    bytes: Range<usize>,
    /// Whether only a blank or a hyphen stands before it, and a group before that.
    joined: bool,
}

/// Groups that are looked at as one number: somebody who dictates digit by digit says nineteen.
const GROUPS: usize = 20;

fn numbers(text: &str) -> Vec<Found> {
    let groups = groups(text);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = groups.get(at) {
        let joined = groups.iter().skip(at + 1).take(GROUPS - 1).take_while(|group| group.joined).count();
        let certain = (1..=joined + 1).rev().find_map(|taken| {
            let some = groups.get(at..at + taken)?;
            let digits: String = some.iter().map(|group| group.digits.as_str()).collect();
            let kind = certainly(&digits)?;
            Some((taken, Found { kind, bytes: first.bytes.start..some.last()?.bytes.end, certain: true }))
        });
        match certain {
            Some((taken, one)) => {
                found.push(one);
                at += taken;
            }
            None => {
                let one = likely(&first.digits);
                found.extend(one.map(|kind| Found { kind, bytes: first.bytes.clone(), certain: false }));
                at += 1;
            }
        }
    }
    found
}

/// What a number is beyond doubt.
fn certainly(digits: &str) -> Option<Kind> {
    let own = ["+86", "0086", "86"].iter().find_map(|code| digits.strip_prefix(code)).unwrap_or(digits);
    if is_mobile(own) || is_mobile(digits) {
        Some(Kind::Phone)
    } else if is_id_card(digits) {
        Some(Kind::IdCard)
    } else if is_bank_card(digits) {
        Some(Kind::BankCard)
    } else {
        None
    }
}

/// 1, then 3 to 9, then nine more: every mobile number of mainland China.
fn is_mobile(digits: &str) -> bool {
    digits.len() == 11
        && digits.bytes().all(|c| c.is_ascii_digit())
        && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

/// What a number without anything between its digits may be.
fn likely(digits: &str) -> Option<Kind> {
    match digits.len() {
        0..=6 => None,
        18 if has_birthday(digits.get(6..14)) => Some(Kind::IdCard),
        16..=19 => Some(Kind::BankCard),
        10..=12 if digits.starts_with('0') => Some(Kind::Phone),
        _ => Some(Kind::Number),
    }
}

fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let last = groups.last().map(|group| group.bytes.end);
        let digit = match digit(c) {
            Some(digit) => digit,
            // The check digit of an identity card; the sign before a country's code.
            None if matches!(c, 'x' | 'X' | 'Ｘ') && last == Some(at) && ends_with_17(&groups) => 'X',
            None if c == '+' => '+',
            None => continue,
        };
        match groups.last_mut() {
            Some(group) if group.bytes.end == at && digit != '+' && !group.digits.ends_with('X') => {
                group.digits.push(digit);
                group.bytes.end = end;
            }
            _ => {
                let between = last.and_then(|stop| text.get(stop..at));
                let joined =
                    digit != '+' && between.is_some_and(|between| matches!(between, " " | "-" | "－" | "　"));
                groups.push(Group { digits: digit.to_string(), bytes: at..end, joined });
            }
        }
    }
    groups.retain(|group| group.digits != "+");
    groups
}

/// Whether the last groups, taken together, are seventeen digits: an identity card without its check digit.
fn ends_with_17(groups: &[Group]) -> bool {
    let mut digits = 0;
    for group in groups.iter().rev().take(GROUPS) {
        digits += group.digits.len();
        if digits >= 17 || !group.joined {
            break;
        }
    }
    digits == 17
}

fn digit(c: char) -> Option<char> {
    let value = match c {
        '0'..='9' => return Some(c),
        '０'..='９' => u32::from(c) - u32::from('０'),
        '〇' | '零' => 0,
        '一' | '幺' => 1,
        '二' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    };
    char::from_digit(value, 10)
}

/// A number's digits without what stands between them.
fn plain(value: &str) -> String {
    let keep = |c: char| {
        digit(c).or(match c {
            'x' | 'X' | 'Ｘ' => Some('X'),
            '+' => Some('+'),
            _ => None,
        })
    };
    value.chars().filter_map(keep).collect()
}

/// The commonest family names, single and double; nine of ten people have one of them.
const FAMILIES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤";
const DOUBLE: [&str; 6] = ["欧阳", "上官", "司马", "诸葛", "皇甫", "令狐"];
const TITLES: [&str; 3] = ["先生", "女士", "小姐"];
/// What people say before their name.
const BEFORE: [&str; 7] = ["我叫", "名叫", "姓名是", "姓名：", "姓名:", "名字是", "名字叫"];
/// What does not stand in a name, and ends one that was begun.
const NOT_IN_NAMES: &str = "的是在要想来了吗吧呢您你我他她和跟有去到给把不这那就";

/// Names: whatever a title follows, and what people say that they are called.
fn names(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for title in TITLES {
        for (at, _) in text.match_indices(title) {
            if let Some(start) = before_title(text.get(..at).unwrap_or_default()) {
                found.push(Found { kind: Kind::Name, bytes: start..at + title.len(), certain: false });
            }
        }
    }
    for said in BEFORE {
        for (at, _) in text.match_indices(said) {
            let start = at + said.len();
            let length = begun_name(text.get(start..).unwrap_or_default());
            let bytes = start..start + length;
            let is_new =
                found.iter().all(|other| other.bytes.end <= bytes.start || bytes.end <= other.bytes.start);
            if length > 0 && is_new {
                found.push(Found { kind: Kind::Name, bytes, certain: false });
            }
        }
    }
    found
}

/// Where the name begins that stands at the end of `text`: the furthest family name within four characters.
fn before_title(text: &str) -> Option<usize> {
    let last: Vec<(usize, char)> =
        text.char_indices().rev().take(4).take_while(|(_, c)| is_of_names(*c)).collect();
    last.into_iter().rev().find_map(|(at, _)| family(text.get(at..).unwrap_or_default()).map(|_| at))
}

/// How many octets of `text` are a name: a family name and one or two characters more.
fn begun_name(text: &str) -> usize {
    let Some(family) = family(text) else { return 0 };
    let given = text.get(family..).unwrap_or_default().chars().take(2).take_while(|c| is_of_names(*c));
    family + given.map(char::len_utf8).sum::<usize>()
}

/// How many octets the family name takes that `text` begins with.
fn family(text: &str) -> Option<usize> {
    let double = DOUBLE.iter().find(|double| text.starts_with(**double)).map(|double| double.len());
    double.or_else(|| text.chars().next().filter(|c| FAMILIES.contains(*c)).map(char::len_utf8))
}

fn is_of_names(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}') && !NOT_IN_NAMES.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PII-01, and what an agent needs to read all the same.
    #[test]
    fn people_are_masked_and_orders_are_read() {
        for (text, shown) in [
            ("订单 20261008001234 已发货", "订单 20261008001234 已发货"),
            ("ticket 8841902, room 4711", "ticket 8841902, room 4711"),
            ("保单号PDAA202612345678901", "保单号PDAA202612345678901"),
            ("order 6225880000001234 is no card by its sum", "order 6225880000001234 is no card by its sum"),
            ("call 13812345678", "call 138****5678"),
            ("+442071838750 or 01062581234", "+44******8750 or 010****1234"),
            ("身份证110105199001011234", "身份证110105****1234"),
            ("card 6225760008219524", "card 6225****9524"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masked_people(text), shown, "{text}");
        }
    }

    #[test]
    fn what_is_personal_is_found_and_masked() {
        for (text, expected, kinds) in [
            ("打13812345678找我", "打138****5678找我", "Phone!"),
            ("138-1234-5678，138 1234 5678", "138****5678，138****5678", "Phone! Phone!"),
            ("我的电话是一三八一二三四五六七八", "我的电话是138****5678", "Phone!"),
            ("幺 三 八 幺 二 三 四 五 六 七 八", "138****5678", "Phone!"),
            ("１３８１２３４５６７８", "138****5678", "Phone!"),
            ("+8613812345678", "+86*******5678", "Phone!"),
            ("13812345678 13912345678", "138****5678 139****5678", "Phone! Phone!"),
            ("01062581234", "010****1234", "Phone"),
            ("身份证11010519491231002X的", "身份证110105****002X的", "IdCard!"),
            ("110105 19491231 002x", "110105****002X", "IdCard!"),
            ("110105199001011234", "110105****1234", "IdCard"),
            ("卡号6225 8800 0000 1231", "卡号6225****1231", "BankCard!"),
            ("6225880000001234", "6225****1234", "BankCard"),
            ("保单号20268899001", "保单号202****9001", "Number"),
            ("我叫张三丰，", "我叫张**，", "Name"),
            ("请问张三丰先生在吗", "请问张**先生在吗", "Name"),
            ("王先生您好，找欧阳小明女士", "王先生您好，找欧**女士", "Name Name"),
            ("您好，我叫李明，电话13812345678", "您好，我叫李*，电话138****5678", "Name Phone!"),
        ] {
            let found: Vec<String> = find(text)
                .iter()
                .map(|found| format!("{:?}{}", found.kind, if found.certain { "!" } else { "" }))
                .collect();
            assert_eq!((masked(text).as_str(), found.join(" ").as_str()), (expected, kinds), "{text}");
        }
    }

    #[test]
    fn what_is_not_personal_stays() {
        for text in [
            "",
            "2026-11-22 12:30 转 8001",
            "百分之三，一共二十五万",
            "请按一，二，三",
            "拨打95588或110",
            "余额12345.60元",
            "先生您好",
            "+ 是加号 +",
        ] {
            assert_eq!((masked(text).as_str(), find(text).len()), (text, 0), "{text}");
        }
    }

    #[test]
    fn check_digits_are_computed_as_their_standards_say() {
        for (number, is_one) in [
            ("11010519491231002X", true),
            ("11010519491231002x", true),
            ("440106199003072832", true),
            ("110105194912310021", false),
            ("110105194913310029", false),
            ("1101051949123100", false),
            ("１１０105194912310", false),
        ] {
            assert_eq!(is_id_card(number), is_one, "{number}");
        }
        for (number, is_one) in [
            ("4111111111111111", true),
            ("6225880000001231", true),
            ("6222021234567890128", true),
            ("6225880000001234", false),
            ("0000000000000000", false),
            ("411111111111", false),
        ] {
            assert_eq!(is_bank_card(number), is_one, "{number}");
        }
    }
}
