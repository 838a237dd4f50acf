//! What sensitive words cost: compiling 10 000 phrases, looking through text, and a partial transcript.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledgerline::compliance::words::{Heard, Level, Party, Watcher, WordSet, Words};

/// Three lists whose combinations are what nobody may say: 22 × 22 × 22 phrases.
const SURE: &str = "保证 承诺 确保 包您 一定 肯定 绝对 必定 担保 答应 许诺 稳稳 百分百 百分之百 完全 保您 永远 准保 打包票 当然 必然 铁定";
const WHAT: &str = "本金 收益 利息 回报 分红 利润 还本 付息 兑付 到账 赚钱 盈利 翻倍 高息 返利 下款 过审 治愈 有效 根治 退款 提额";
const HOW: &str = "安全 无忧 不亏 没问题 零风险 稳定 不变 到手 随时取 不打折 准时 全额 双倍 免息 不看征信 当天 秒到 无副作用 永久 不反弹 内部 独家";

/// What is said all day, and what an operator reads.
const TALK: &str = "您好，这里是信用卡中心，请问有什么可以帮您？我想问一下我的账单，这个月好像多扣了两百块钱。好的，我帮您查一下，请稍等。\
您的账单日是每个月五号，还款日是二十五号，上个月有一笔分期，所以会多出一笔手续费。哦，原来是这样，那我可以提前还款吗？可以的，提前还款需要付剩余本金百分之三的违约金。\
最近手头有点紧，能不能晚几天还？我们有三天的宽限期，您看可以吗？理财有风险，投资需谨慎，产品的历史业绩不代表未来表现。";

fn set(level: Level) -> WordSet {
    let mut phrases: Vec<Arc<str>> = Vec::new();
    for sure in SURE.split(' ') {
        for what in WHAT.split(' ') {
            phrases.extend(HOW.split(' ').map(|how| Arc::from(format!("{sure}{what}{how}"))));
        }
    }
    phrases.truncate(10_000);
    WordSet { name: "金融".into(), version: "v1".into(), level, party: Party::Any, phrases }
}

fn text() -> String {
    let manual = include_str!("../docs/zh/dialplan.md");
    let mut text = String::new();
    while text.len() < 4 << 20 {
        text.push_str(TALK);
        text.push_str(manual);
    }
    text
}

fn words(c: &mut Criterion) {
    let text = text();
    let talk: String = TALK.repeat(1_000);
    for level in [Level::Exact, Level::Homophone, Level::Near] {
        let sets = [set(level)];
        c.bench_function(&format!("compile 10 000 phrases, {level}"), |b| {
            b.iter(|| Words::compile(black_box(&sets)).map(|words| words.phrases()))
        });
        let words = Arc::new(Words::compile(&sets).expect("good phrases"));
        let mut group = c.benchmark_group(format!("10 000 phrases, {level}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("a manual with talk", |b| b.iter(|| words.scan(black_box(&text)).len()));
        group.throughput(Throughput::Bytes(talk.len() as u64));
        group.bench_function("talk", |b| b.iter(|| words.scan(black_box(&talk)).len()));
        group.finish();
        c.bench_function(&format!("a partial transcript, {level}"), |b| partial(b, &words));
    }
}

/// A segment that grows by two characters, as a recogniser sends it every 600 ms, corrected each time.
fn partial(b: &mut criterion::Bencher<'_>, words: &Arc<Words>) {
    let chars: Vec<char> = TALK.chars().collect();
    let mut watcher = Watcher::new(words.clone(), Party::Agent);
    let mut number = 0;
    b.iter(|| {
        let (segment, step) = (number / 20, number % 20);
        let from = segment as usize * 7 % (chars.len() - 50);
        let text: String = chars[from..from + 2 * step as usize + 2].iter().collect();
        number += 1;
        let heard =
            Heard { segment, text: &text, from_ms: 0, to_ms: step * 600, marks: &[], last: step == 19 };
        watcher.hear(black_box(&heard)).len()
    })
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = words
}
criterion_main!(benches);
