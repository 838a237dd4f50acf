//! `plan doc`: pages about the shipped plans have every flow, its policies and a picture in which no box lies on another, and need
//! nothing from outside.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ledgerline::plan::doc::pages;
use ledgerline::plan::{Folder, Lang, Program, load};

fn shipped(file: &str) -> Arc<Program> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let mut sources = Folder::new().with_any_sound();
    let profiles = fs::read_dir(folder.join("profiles")).expect("profiles");
    let profiles = profiles.map(|entry| format!("profiles/{}", entry.expect("a file").file_name().display()));
    for path in profiles.chain([file.to_string()]) {
        sources = sources.with_plan(&path, fs::read(folder.join(&path)).expect("readable"));
    }
    load(&sources, &[file]).0.expect(file)
}

const PLANS: [&str; 8] = [
    "finance.plan",
    "medical.plan",
    "commerce.plan",
    "government.plan",
    "education.plan",
    "manufacturing.plan",
    "office.plan",
    "hello.plan",
];

/// Every `name="number"` of a tag.
fn number(tag: &str, name: &str) -> f64 {
    let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name} in {tag}"));
    rest.split('"').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name} in {tag}"))
}

#[test]
fn no_box_of_a_picture_lies_on_another_or_outside() {
    for file in PLANS {
        for lang in [Lang::En, Lang::Zh] {
            for page in pages(&shipped(file), file, lang).iter().skip(1) {
                let svg = page
                    .html
                    .split_once("<svg")
                    .and_then(|(_, rest)| rest.split_once("</svg>"))
                    .expect("a picture")
                    .0;
                let (width, height) = (number(svg, "width"), number(svg, "height"));
                let rects = svg.split("<g class=\"").skip(1).filter(|group| !group.starts_with("label"));
                let boxes: Vec<[f64; 4]> = rects
                    .map(|group| group.split_once("<rect").expect("a box").1)
                    .map(|rect| {
                        [number(rect, "x"), number(rect, "y"), number(rect, "width"), number(rect, "height")]
                    })
                    .collect();
                assert!(boxes.len() >= 2, "{file} {}", page.file);
                for (at, a) in boxes.iter().enumerate() {
                    assert!(
                        a[0] >= 0.0 && a[1] >= 0.0 && a[0] + a[2] <= width && a[1] + a[3] <= height,
                        "{file} {}",
                        page.file
                    );
                    for b in &boxes[at + 1..] {
                        let apart = a[0] + a[2] <= b[0]
                            || b[0] + b[2] <= a[0]
                            || a[1] + a[3] <= b[1]
                            || b[1] + b[3] <= a[1];
                        assert!(apart, "{file} {}: {a:?} on {b:?}", page.file);
                    }
                }
            }
        }
    }
}

#[test]
fn every_link_leads_to_a_page_and_nothing_comes_from_outside() {
    for file in PLANS {
        let all = pages(&shipped(file), file, Lang::Zh);
        for page in &all {
            for link in page.html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(all.iter().any(|page| page.file == link), "{file} {}: {link}", page.file);
            }
            for outside in ["<script", "src=", "url(http", "@import"] {
                assert!(!page.html.contains(outside), "{file} {}: {outside}", page.file);
            }
        }
    }
}

#[test]
fn the_pages_of_the_finance_plan_say_what_an_officer_asks() {
    let program = shipped("finance.plan");
    let all = pages(&program, "信用卡热线", Lang::Zh);
    let page = |title: &str| {
        all.iter().find(|page| page.html.contains(&format!("<h1>{title}</h1>"))).expect("a page")
    };
    let index = page("信用卡热线");
    for text in [
        "95599",
        "运营商A",
        "author",
        "合规 × 1",
        "作者本人不算",
        "分期话术 v7",
        "2026-09-01 至 2027-01-01",
        "3.65%",
        "自通话结束起至少 5y，至多 5y+90d",
    ] {
        assert_eq!(index.html.contains(text), text != "author", "{text}");
    }
    let agent = page("人工");
    for text in [
        "录不了音就不接通",
        "在工作时间之外？",
        "排队 信用卡",
        "已满、故障 → <a",
        "分期话术",
        "电话号码、姓名、身份证号、银行卡号",
        "须有 主管组 的 2 人监听",
    ] {
        assert!(agent.html.contains(text), "{text}");
    }
    assert!(!page("夜间").html.contains("分期话术 v7"), "only scripts that are shown in the flow");
    let office = pages(&shipped("office.plan"), "x", Lang::Zh);
    let desk = office.iter().find(|page| page.html.contains("<h1>总机</h1>")).expect("a page");
    assert!(
        desk.html.contains("部门 (销售)") && desk.html.contains("部门 (行政)"),
        "one flow with two values is two ways"
    );
    let english = pages(&program, "x", Lang::En);
    assert!(english.iter().any(|page| page.html.contains("no recording, no call")));
}

#[test]
fn what_a_plan_says_does_no_harm_in_a_page() {
    let text = "edition 2026\nlanguage zh\nprompt p zh \"a.wav\" says \"<script>alert(1)</script>&\"\nroute \"1\" from users -> f\nflow f { tag \"<b>\"; play p; hangup }\n";
    let program =
        load(&Folder::new().with_plan("a.plan", text).with_any_sound(), &["a.plan"]).0.expect("it loads");
    for page in pages(&program, "<i>", Lang::En) {
        assert!(
            !page.html.contains("<script") && !page.html.contains("<b>") && !page.html.contains("<i>"),
            "{}",
            page.html
        );
    }
}
