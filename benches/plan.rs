//! What a plan costs: checking a file of 5 000 lines, finding a route, and a step of a running call.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ledgerline::base::{Masked, Wall};
use ledgerline::plan::{Ask, Facts, Folder, Machine, Origin, Program, Reply, load};

/// A plan of at least `lines` lines as a large site would write it: many extensions, menus, hours, comments.
fn large(lines: usize) -> String {
    let mut out = String::from(
        "edition 2026\nmodule 大站点 owner 运维\nlanguage zh\nzone \"Asia/Shanghai\"\n\
         class 五年 { from call.end; at least 5y }\n\
         policy 录音 for all calls { record all; retain 五年; notice prompt 告知 before media }\n\
         prompt 告知 zh \"n.wav\"\nprompt 菜单 zh \"m.wav\"\nhours 白天 { mon-fri 08:00-20:00 }\n",
    );
    let mut number = 0;
    while out.lines().count() < lines {
        let _ = write!(
            out,
            "\n# department {number}\nroute \"9{number:04}\" from users -> 部门{number}(callee)\n\
             route \"8{number:04}XX\" from users -> dial user {{callee}} for 25s {{ busy -> 部门{number}(callee) }}\n\
             flow 部门{number}(号码: phone) {{\n  when not 白天 {{ -> 夜间{number} }}\n\
             \x20 menu prompt 菜单 wait 6s tries 3 {{\n    1 -> 部门{number}(caller)\n    2 -> dial user 员工{number} for 20s\n\
             \x20   0, none, wrong -> 夜间{number}\n  }}\n}}\n\
             flow 夜间{number} {{\n  play 告知\n  if caller matches \"8XXX\" {{ hangup busy }}\n  hangup\n}}\n"
        );
        number += 1;
    }
    out
}

fn program(text: &str) -> Arc<Program> {
    let folder = Folder::new().with_plan("bench.plan", text).with_any_sound();
    load(&folder, &["bench.plan"]).0.expect("the plan of the bench loads")
}

fn facts(dialled: &str) -> Facts {
    Facts {
        caller: Masked::new("8001"),
        dialled: Masked::new(dialled),
        display: Masked::default(),
        origin: Origin::Users,
        wall: Wall::from_micros(1_795_337_972_120_000),
    }
}

fn bench(c: &mut Criterion) {
    let text = large(5_000);
    let folder = Folder::new().with_plan("bench.plan", text.as_str()).with_any_sound();
    let mut checks = c.benchmark_group("plan");
    checks.sample_size(10);
    checks.bench_function("check 5000 lines", |b| b.iter(|| load(black_box(&folder), &["bench.plan"])));
    checks.finish();

    let large = program(&text);
    c.bench_function("plan/route one number of many", |b| {
        b.iter(|| large.route(black_box(&Origin::Users), black_box("90123")))
    });
    c.bench_function("plan/route a pattern of many", |b| {
        b.iter(|| large.route(black_box(&Origin::Users), black_box("8012345")))
    });

    let hello = program(include_str!("../dialplans/hello.plan"));
    let facts = facts("95599");
    let route = hello.route(&Origin::Users, "95599").expect("the hotline");
    c.bench_function("plan/start a call", |b| {
        b.iter(|| Machine::start(hello.clone(), route, black_box(facts.clone())))
    });
    // Notice, welcome, menu, key, transfer, dial, answered: seven replies.
    c.bench_function("plan/a call of seven replies", |b| {
        b.iter(|| {
            let mut machine = Machine::start(hello.clone(), route, facts.clone());
            let mut ask = machine.resume(facts.wall, Reply::Start);
            loop {
                let reply = match ask {
                    Ask::Play { .. } => Reply::Played,
                    Ask::Collect { .. } => Reply::Keys(Masked::new("1")),
                    Ask::Dial { .. } => Reply::Dialled(ledgerline::plan::Outcome::Answered),
                    Ask::Hangup { .. } => break black_box(machine.take_trace()),
                    Ask::Say { .. } | Ask::Lookup { .. } | Ask::Do(_) => {
                        unreachable!("the plan of the bench has none")
                    }
                };
                ask = machine.resume(facts.wall, reply);
            }
        })
    });
    let office = program(include_str!("../dialplans/office.plan"));
    let night = facts_at_night();
    let reception = office.route(&Origin::Users, "8000").expect("the reception");
    c.bench_function("plan/a step over working hours", |b| {
        b.iter_batched(
            || Machine::start(office.clone(), reception, night.clone()),
            |mut machine| machine.resume(night.wall, Reply::Start),
            criterion::BatchSize::SmallInput,
        )
    });
}

fn facts_at_night() -> Facts {
    Facts { wall: Wall::from_micros(1_795_360_000_000_000), ..facts("8000") }
}

criterion_group!(benches, bench);
criterion_main!(benches);
