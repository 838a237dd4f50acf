//! The test vector of `docs/recording-format.md` is what this program writes. `UPDATE_EXPECT=1` writes it anew, which
//! is a new format version unless only the page changed.

use ledgerline::base::{CallId, Masked, Random, RecordingId, Secret, Wall};
use ledgerline::vault::{
    Batch, ClosingRecord, Content, Ended, Frame, Frontier, Item, Keyring, Kind, Leaf, LedgerKey, Opener,
    Opening, Sealer, Suite, TreeHead, closing_bytes, opening_bytes,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recording-format.md");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn lines(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| hex(line) + "\n").collect()
}

fn counting(from: u8) -> Secret<[u8; 32]> {
    Secret::new(std::array::from_fn(|at| from + at as u8))
}

/// The data key of the vector, unwrapped by RFC 3394 under key 1.
fn data_key(wrapped: &[u8]) -> [u8; 32] {
    use aes_kw::KeyInit;
    let mut key = [0; 32];
    let kek = aes_kw::KwAes256::new(counting(0).expose().into());
    kek.unwrap_key(wrapped, &mut key).expect("it unwraps");
    key
}

#[test]
fn the_page_shows_what_the_program_writes() {
    let mut ring = Keyring::new();
    ring.insert(1, counting(0));
    let mut random = Random::from_number(1);
    let at = Wall::from_micros(1_795_337_972_120_000);
    let (recording, call) = (RecordingId::new(at, &mut random), CallId::new(at, &mut random));
    let mut file = Vec::new();
    let mut sealer =
        Sealer::begin(Content::Recording, recording, call, at, &ring, &mut random, &mut file).expect("key 1");
    let opening = Opening { caller: Masked::new("1001"), dialled: Masked::new("1002"), ..Opening::default() };
    sealer.seal(Kind::Opening, [&opening_bytes(&opening)[..]], &mut file).expect("room");
    let mut batch = Batch::new(recording);
    let frame = Frame {
        track: 1,
        arrival_us: 20_000,
        payload_type: 8,
        marker: true,
        sequence: 258,
        timestamp: 66_051,
        payload: &[0xd5; 4],
    };
    batch.push(frame).expect("room");
    sealer.seal(Kind::Media, [batch.as_bytes()], &mut file).expect("room");
    let record = ClosingRecord { ended: Ended::InOrder, duration_us: 40_000, packets: 1, facts: None };
    let sealed = sealer.close(&closing_bytes(&record), &mut file).expect("room");
    let mut opener = Opener::new(&ring, Some(recording));
    opener.push(&file);
    assert_eq!(opener.finish().damages, []);

    let item = Item::Recording { recording, call, ended: Ended::InOrder };
    let second = std::time::Duration::from_secs(1);
    let leaf = Leaf {
        suite: Suite::Intl,
        number: 0,
        at: at + second,
        item,
        len_bytes: sealed.len_bytes,
        hash: sealed.hash,
    }
    .to_bytes();
    let mut tree = Frontier::new(Suite::Intl);
    tree.push_leaf(&leaf);
    let signer = LedgerKey::from_seed(&counting(0x20));
    let head = TreeHead { number: 0, size: 1, at: at + second * 2, root: tree.root() }.sign(&signer);
    let key = data_key(&file[72..112]);
    let blocks = [
        ("vector-file", lines(&file)),
        (
            "vector-leaf",
            format!(
                "data key {}\ncontent  {}\nhash     {}\n",
                hex(&key),
                hex(&sealed.hash),
                hex(&Suite::Intl.leaf_hash(&leaf))
            ) + &lines(&leaf),
        ),
        ("vector-head", format!("public   {}\n", hex(&signer.public().to_bytes())) + &lines(&head)),
    ];
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let mut wanted = page.clone();
    for (name, block) in blocks {
        let start = wanted.find(&format!("```{name}\n")).expect("a block of this name") + name.len() + 4;
        let end = start + wanted[start..].find("```").expect("its end");
        wanted.replace_range(start..end, &block);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(PAGE, wanted).expect("ours");
    } else {
        assert!(page == wanted, "docs/recording-format.md shows another vector: {wanted}");
    }
}
