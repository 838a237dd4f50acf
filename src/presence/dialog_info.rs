//! The document of a busy lamp: RFC 4235 `application/dialog-info+xml`.
//!
//! Always the full state: a phone that missed a NOTIFY is right again with the next. What ended since the watcher was last told
//! stands in it once more as `terminated`, which is what phones put a lamp out on.

use crate::base::bounds;

use super::lines::{Direction, Line};
use super::xml::Writer;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:dialog-info";

/// Writes the document.
///
/// `entity` is the URI that is watched, `display` what people call it; `told` the lines that this watcher was told of last; `shows`
/// decides about each other side. At most [`bounds::LINES_TOLD`] lines are told, the oldest first.
pub(super) fn document(
    entity: &str,
    display: &str,
    version: u32,
    lines: &[Line],
    told: &[Line],
    shows: impl Fn(&Line) -> Option<(String, String)>,
) -> String {
    let mut xml = Writer::new();
    xml.open("dialog-info").attr("xmlns", NAMESPACE).attr("version", &version.to_string());
    xml.attr("state", "full").attr("entity", entity);
    for line in lines.iter().take(bounds::LINES_TOLD) {
        open(&mut xml, line, line.stage.as_str());
        side(&mut xml, "local", entity, display);
        if let Some((uri, display)) = shows(line) {
            side(&mut xml, "remote", &uri, &display);
        }
        xml.close();
    }
    let ended = told.iter().filter(|old| lines.iter().all(|line| line.id != old.id));
    for line in ended.take(bounds::LINES_TOLD) {
        open(&mut xml, line, "terminated");
        xml.close();
    }
    xml.finish()
}

fn open(xml: &mut Writer, line: &Line, state: &str) {
    xml.open("dialog").attr("id", &line.id);
    if let Some((call_id, local_tag, remote_tag)) = &line.dialog {
        xml.attr("call-id", call_id).attr("local-tag", local_tag).attr("remote-tag", remote_tag);
    }
    let direction = match line.direction {
        Direction::Initiator => "initiator",
        Direction::Recipient => "recipient",
    };
    xml.attr("direction", direction);
    xml.open("state").text(state).close();
}

/// RFC 4235 §4.1.6: who a side is, and where it is reached.
fn side(xml: &mut Writer, name: &'static str, uri: &str, display: &str) {
    xml.open(name).open("identity");
    if !display.is_empty() {
        xml.attr("display", display);
    }
    xml.text(uri).close();
    xml.open("target").attr("uri", uri).close().close();
}

#[cfg(test)]
mod tests {
    use super::super::lines::Stage;
    use super::*;

    fn line(id: &str, stage: Stage) -> Line {
        Line {
            id: id.into(),
            dialog: Some(("1@x".into(), "l".into(), "r".into())),
            direction: Direction::Recipient,
            stage,
            remote: None,
        }
    }

    #[test]
    fn a_ringing_phone_and_one_that_just_hung_up() {
        let shows = |_: &Line| Some(("sip:a\"b@pbx.test".to_string(), "<Alice & Co>".to_string()));
        let told = [line("1", Stage::Early), line("0", Stage::Confirmed)];
        let text = document("sip:bob@pbx.test", "Bob", 7, &[line("1", Stage::Early)], &told, shows);
        expect_test::expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="full" entity="sip:bob@pbx.test">
            <dialog id="1" call-id="1@x" local-tag="l" remote-tag="r" direction="recipient">
            <state>early</state>
            <local>
            <identity display="Bob">sip:bob@pbx.test</identity>
            <target uri="sip:bob@pbx.test"/>
            </local>
            <remote>
            <identity display="&lt;Alice &amp; Co&gt;">sip:a&quot;b@pbx.test</identity>
            <target uri="sip:a&quot;b@pbx.test"/>
            </remote>
            </dialog>
            <dialog id="0" call-id="1@x" local-tag="l" remote-tag="r" direction="recipient">
            <state>terminated</state>
            </dialog>
            </dialog-info>
        "#]].assert_eq(&text.replace("><", ">\n<"));
    }

    #[test]
    fn nobody_talks() {
        let text = document("sip:bob@pbx.test", "", 0, &[], &[], |_| None);
        assert!(text.contains("state=\"full\" entity=\"sip:bob@pbx.test\"/>"), "{text}");
    }
}
