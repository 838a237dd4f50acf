//! Three PJSIP phones, driven by `pjsip.py`: a third stack that others wrote, over UDP and over TLS.

use crate::node::{Node, PASSWORD};
use crate::secure::{self, Authority};
use crate::talk::{self, OFFICE};
use crate::world::{PHONES, entered, run};

/// Lets the phones do all that they do at a node that does not serve yet; `more`: what else `pjsip.py` is told.
fn they_ring_hold_and_transfer(mut node: Node, port: u16, more: &[&str]) {
    node.user("carol", "8003");
    node.serve();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/pjsip.py");
    let at = format!("{PHONES}:{port}");
    let said = run("timeout", &[&["90", "python3", script, &at, PASSWORD], more].concat());
    assert!(said.contains("ok: the two others talk"), "{said}");
    assert_eq!(node.command(&["rec", "verify"]).code, 0);
}

#[test]
fn pjsip_s_phones_ring_reliably_hold_and_transfer() {
    if entered() {
        they_ring_hold_and_transfer(talk::node(OFFICE), 5_060, &[]);
    }
}

#[test]
fn pjsip_s_phones_do_the_same_over_tls_with_a_certificate_that_they_check() {
    if entered() {
        let node = secure::node(&Authority::new());
        let authority = node.path("certs/ca.pem");
        they_ring_hold_and_transfer(node, 5_061, &[authority.to_str().expect("UTF-8")]);
    }
}
