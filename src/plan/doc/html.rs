//! Pages in HTML that need nothing from outside: no scripts, no styles, no pictures but their own.

use std::fmt::Write;

use crate::plan::diagnostic::Lang;

const STYLE: &str = "
:root{--ink:#1c2733;--soft:#5b6b7b;--line:#c9d3dd;--ground:#fff;--act:#eef4fb;--ask:#fff6dd;--go:#e8f6ec;--end:#f3e9ee}
body{font:15px/1.6 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif;color:var(--ink);background:var(--ground);max-width:72rem;margin:2rem auto;padding:0 1.2rem}
h1{font-size:1.6rem;margin:.2em 0}h2{font-size:1.15rem;margin:1.8em 0 .4em;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35em .7em;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:600;white-space:nowrap}
a{color:#0b62a8}nav,footer{color:var(--soft);font-size:.9em}figure{margin:1rem 0;overflow-x:auto}
svg.flow{font-size:13px;max-width:100%;height:auto}svg text{text-anchor:middle;fill:var(--ink)}svg text.words{fill:var(--soft);font-size:12px}
svg rect{stroke:#6c7f92;stroke-width:1.1;fill:var(--act)}.start rect{fill:#dfe8f2}.question rect{fill:var(--ask)}.goes rect{fill:var(--go)}.end rect{fill:var(--end)}
.edge{fill:none;stroke:#6c7f92;stroke-width:1.2;marker-end:url(#tip)}marker path{fill:#6c7f92}.label rect{fill:#fff;stroke:none;opacity:.94}.label text{font-size:12px;fill:#7a4a00}
@media print{body{margin:0;max-width:none}a{color:inherit}figure{break-inside:avoid}}
";

/// A text with everything that HTML would take for its own made harmless.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            ch if crate::plan::file::unseen(ch) => out.push('\u{fffd}'),
            ch => out.push(ch),
        }
    }
    out
}

/// A page while it is written.
pub(super) struct Page {
    lang: Lang,
    title: String,
    body: String,
}

impl Page {
    pub fn new(lang: Lang, title: &str) -> Page {
        Page { lang, title: title.to_string(), body: String::new() }
    }

    /// HTML as it is.
    pub fn raw(&mut self, html: &str) {
        self.body.push_str(html);
    }

    pub fn heading(&mut self, en: &str, zh: &str) {
        let text = if self.lang == Lang::En { en } else { zh };
        let _ = writeln!(self.body, "<h2>{}</h2>", escaped(text));
    }

    pub fn text(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escaped(text));
    }

    /// A table; its cells are HTML.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.body.push_str("<table>");
        if !head.is_empty() {
            let head: String = head.iter().map(|cell| format!("<th>{}</th>", escaped(cell))).collect();
            let _ = write!(self.body, "<tr>{head}</tr>");
        }
        for row in rows {
            let cells = row.iter().enumerate().map(|(at, cell)| match at {
                0 => format!("<th>{cell}</th>"),
                _ => format!("<td>{cell}</td>"),
            });
            let _ = writeln!(self.body, "<tr>{}</tr>", cells.collect::<String>());
        }
        self.body.push_str("</table>\n");
    }

    /// The whole page, with `foot` below.
    pub fn finish(self, foot: &str) -> String {
        let lang = if self.lang == Lang::En { "en" } else { "zh-CN" };
        let title = escaped(&self.title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{title}</title><style>{STYLE}</style></head>\n<body>\n{}<footer><p>{}</p></footer>\n</body></html>\n",
            self.body,
            escaped(foot)
        )
    }
}
