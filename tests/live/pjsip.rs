//! Three PJSIP phones, driven by `pjsip.py`: a third stack that others wrote.

use crate::node::PASSWORD;
use crate::talk::{self, OFFICE};
use crate::world::{PHONES, entered, run};

#[test]
fn pjsip_s_phones_ring_reliably_hold_and_transfer() {
    if !entered() {
        return;
    }
    let mut node = talk::node(OFFICE);
    node.user("carol", "8003");
    node.serve();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/pjsip.py");
    let said = run("timeout", &["90", "python3", script, &format!("{PHONES}:5060"), PASSWORD]);
    assert!(said.contains("ok: the two others talk"), "{said}");
    assert_eq!(node.command(&["rec", "verify"]).code, 0);
}
