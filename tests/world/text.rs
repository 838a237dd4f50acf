//! SIP as text with holes, and the few lines that read it back.
//!
//! Nothing here knows the product's parser: what the phones say and understand is a second opinion on what SIP looks like.

/// Fills the holes of `template`: each `{name}` becomes its value, each line ends in CRLF, and `{length}` is the body's length.
///
/// A hole without a value is a fault of the test.
pub fn fill(template: &str, holes: &[(&str, &str)]) -> String {
    let (head, body) = template.split_once("\n\n").unwrap_or((template, ""));
    let body = filled(body, holes);
    let length = body.len().to_string();
    let with_length: Vec<(&str, &str)> = holes.iter().copied().chain([("length", length.as_str())]).collect();
    format!("{}\r\n\r\n{body}", filled(head, &with_length).trim_end_matches("\r\n"))
}

fn filled(template: &str, holes: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or_else(|| panic!("an open hole in {template}"));
        let value = holes.iter().find(|(hole, _)| *hole == name);
        text.push_str(before);
        text.push_str(value.unwrap_or_else(|| panic!("nothing for {{{name}}} in {template}")).1);
        rest = behind;
    }
    text.push_str(rest);
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// A message as a phone reads it.
#[derive(Debug, Clone)]
pub struct Heard {
    text: String,
    body_at: usize,
}

impl Heard {
    /// Takes whatever came; what is no SIP has an empty start line and no headers.
    pub fn read(octets: &[u8]) -> Heard {
        let text = String::from_utf8_lossy(octets).into_owned();
        let body_at = text.find("\r\n\r\n").map_or(text.len(), |at| at + 4);
        Heard { text, body_at }
    }

    pub fn start(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Of a response.
    pub fn status(&self) -> Option<u16> {
        self.start().strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of a request; empty in a response.
    pub fn method(&self) -> &str {
        match self.status() {
            Some(_) => "",
            None => self.start().split(' ').next().unwrap_or_default(),
        }
    }

    /// All values of a header, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let head = self.text.get(..self.body_at).unwrap_or_default();
        head.lines().skip(1).filter_map(move |line| {
            let (is, value) = line.split_once(':')?;
            is.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The first value of a header; empty when there is none.
    pub fn one<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    pub fn body(&self) -> &str {
        self.text.get(self.body_at..).unwrap_or_default()
    }

    pub fn branch(&self) -> &str {
        param(self.one("Via"), "branch").unwrap_or_default()
    }

    pub fn cseq(&self) -> u32 {
        self.one("CSeq").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    pub fn cseq_method(&self) -> &str {
        self.one("CSeq").split(' ').nth(1).unwrap_or_default()
    }

    pub fn call_id(&self) -> &str {
        self.one("Call-ID")
    }

    pub fn tag_of_from(&self) -> &str {
        param(self.one("From"), "tag").unwrap_or_default()
    }

    pub fn tag_of_to(&self) -> &str {
        param(self.one("To"), "tag").unwrap_or_default()
    }

    /// The whole message.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A parameter of a header value, behind any `<…>`.
pub fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let behind = value.rsplit_once('>').map_or(value, |(_, behind)| behind);
    behind.split(';').skip(1).find_map(|one| {
        let (is, value) = one.split_once('=')?;
        (is.trim() == name).then_some(value.trim())
    })
}

/// What stands between `<` and `>`.
pub fn within(value: &str) -> &str {
    value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(inner, _)| inner)
}

/// The user of a SIP URI.
pub fn user_of(uri: &str) -> &str {
    uri.split_once(':').and_then(|(_, rest)| rest.split_once('@')).map_or("", |(user, _)| user)
}

/// Cuts whole messages from the front of a stream.
pub fn cut(stream: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        while stream.starts_with(b"\r\n") {
            stream.drain(..2);
        }
        let Some(head) = stream.windows(4).position(|four| four == b"\r\n\r\n") else { return whole };
        let length = Heard::read(&stream[..head + 4]).one("Content-Length").parse().unwrap_or(0);
        if stream.len() < head + 4 + length {
            return whole;
        }
        whole.push(stream.drain(..head + 4 + length).collect());
    }
}
