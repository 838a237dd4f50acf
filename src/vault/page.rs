//! A certificate as PDF: a title and lines of name and value, in a font that every reader has for Chinese.
//!
//! Invariant: no font is embedded. `STSong-Light` with the character map `UniGB-UTF16-H` is one of the fonts and maps that
//! PDF readers provide (ISO 32000-1 §9.7.5.2); the text is UTF-16BE.

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::certificate::{Certificate, TITLE};

/// A4 in points.
const PAGE: Rect = Rect { x1: 0.0, y1: 0.0, x2: 595.0, y2: 842.0 };
const MARGIN: f32 = 64.0;
const TITLE_SIZE: f32 = 20.0;
const SIZE: f32 = 10.5;
const LEADING: f32 = 17.0;
/// Where values begin.
const COLUMN: f32 = 200.0;
const FONT: Name<'static> = Name(b"Song");

/// A line of text and where it stands.
struct Line {
    x: f32,
    y: f32,
    size: f32,
    text: String,
}

/// The certificate as a PDF of as many pages as it takes.
pub fn pdf(certificate: &Certificate) -> Vec<u8> {
    let pages = lay_out(certificate);
    let mut pdf = Pdf::new();
    let (catalog, tree, font, cid, descriptor, info) =
        (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5), Ref::new(6));
    let page_ref = |number: usize| Ref::new(10 + 2 * number as i32);
    let content_ref = |number: usize| Ref::new(11 + 2 * number as i32);
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info).title(TextStr(TITLE)).producer(TextStr("Ledgerline"));
    pdf.pages(tree).kids((0..pages.len()).map(page_ref)).count(pages.len() as i32);
    for (number, lines) in pages.iter().enumerate() {
        let mut page = pdf.page(page_ref(number));
        page.media_box(PAGE).parent(tree).contents(content_ref(number));
        page.resources().fonts().pair(FONT, font);
        page.finish();
        pdf.stream(content_ref(number), &content(lines));
    }
    write_font(&mut pdf, font, cid, descriptor);
    pdf.finish()
}

fn content(lines: &[Line]) -> Vec<u8> {
    let mut content = Content::new();
    for line in lines {
        let text: Vec<u8> = line.text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        content.begin_text();
        content.set_font(FONT, line.size);
        content.set_text_matrix([1.0, 0.0, 0.0, 1.0, line.x, line.y]);
        content.show(Str(&text));
        content.end_text();
    }
    content.finish().to_vec()
}

fn write_font(pdf: &mut Pdf, font: Ref, cid: Ref, descriptor: Ref) {
    let base = Name(b"STSong-Light");
    pdf.type0_font(font)
        .base_font(Name(b"STSong-Light-UniGB-UTF16-H"))
        .encoding_predefined(Name(b"UniGB-UTF16-H"))
        .descendant_font(cid);
    let mut cid_font = pdf.cid_font(cid);
    let info = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"GB1"), supplement: 4 };
    cid_font.subtype(CidFontType::Type0).base_font(base).system_info(info).font_descriptor(descriptor);
    cid_font.default_width(1_000.0);
    // Adobe-GB1 has ASCII at 1…95; they are about half as wide as the rest.
    cid_font.widths().same(1, 95, 500.0);
    cid_font.finish();
    pdf.font_descriptor(descriptor)
        .name(base)
        .flags(FontFlags::SERIF | FontFlags::SYMBOLIC)
        .bbox(Rect::new(-25.0, -254.0, 1_000.0, 880.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(880.0)
        .stem_v(93.0);
}

fn lay_out(certificate: &Certificate) -> Vec<Vec<Line>> {
    let middle = (PAGE.x2 - width(TITLE) * TITLE_SIZE) / 2.0;
    let mut y = PAGE.y2 - MARGIN - TITLE_SIZE;
    let mut pages = vec![vec![Line { x: middle, y, size: TITLE_SIZE, text: TITLE.into() }]];
    y -= 2.5 * LEADING;
    for (name, value) in certificate.lines() {
        let mut name = Some(name);
        for text in wrap(&value, (PAGE.x2 - MARGIN - COLUMN) / SIZE) {
            if y < MARGIN {
                y = PAGE.y2 - MARGIN;
                pages.push(Vec::new());
            }
            let Some(page) = pages.last_mut() else { break };
            page.extend(name.take().map(|name| Line { x: MARGIN, y, size: SIZE, text: name.into() }));
            page.push(Line { x: COLUMN, y, size: SIZE, text });
            y -= LEADING;
        }
        y -= LEADING / 3.0;
    }
    pages
}

/// Width in ems: Chinese characters one, ASCII half.
fn width(text: &str) -> f32 {
    text.chars().map(|c| if c.is_ascii() { 0.5 } else { 1.0 }).sum()
}

/// Lines of at most `most` ems. Breaks anywhere: hashes and Chinese have no words.
fn wrap(text: &str, most: f32) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0.0;
    // A control character has no place on a page.
    for character in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        let ems = if character.is_ascii() { 0.5 } else { 1.0 };
        if used + ems > most {
            lines.push(String::new());
            used = 0.0;
        }
        used += ems;
        if let Some(line) = lines.last_mut() {
            line.push(character);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::vault::Job;

    #[test]
    fn the_page_is_a_pdf_with_the_words_in_it() {
        let job = Job {
            no: "DES-2026-000001".into(),
            grounds: super::super::Grounds { org: "××医院".into(), ..Default::default() },
            ..Job::default()
        };
        let certificate = Certificate::of(Default::default(), &job, (0, 0), Wall::default(), "ledgerline");
        let bytes = pdf(&certificate);
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
        let has = |wanted: &[u8]| memchr::memmem::find(&bytes, wanted).is_some();
        assert!(has(b"/STSong-Light") && has(b"/UniGB-UTF16-H") && !has(b"/FontFile"));
        assert_eq!(lay_out(&certificate).len(), 1);
        let long = Job { also: vec!["备份".repeat(2_000)], ..job };
        assert!(lay_out(&Certificate::of(Default::default(), &long, (0, 0), Wall::default(), "l")).len() > 1);
    }

    #[test]
    fn lines_break_at_their_width() {
        assert_eq!(wrap("数据ab销毁", 3.0), ["数据ab", "销毁"]);
        assert_eq!(wrap("", 3.0), [""]);
        assert_eq!(wrap("a\nb", 3.0), ["a b"]);
    }
}
