//! A cloud image of somebody else's as what a recipe starts from, and how the download is told from a wrong one.

use std::sync::Arc;

use serde::Serialize;
use url::Url;

use super::{Catalogue, cloud_findings as findings};
use crate::document::{Document, Fields, Findings, Location, Node, Source, Value};

/// The images that can be named, as a file among the built-in recipes.
const KNOWN: &str = "clouds/known.yaml";
const KEYS: &[&str] = &["url", "sha256", "sha512", "checksums", "signature", "key"];
/// What the name of a detached signature ends with where a recipe does not say it.
const SIGNATURE: &str = ".gpg";

/// A cloud image to start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloudImage {
    /// Where it is: `https:`, `http:` or `file:`.
    pub url: String,
    /// What says that it is the right one.
    pub proof: Proof,
    /// Where a recipe says so; the built-in ones have no place that a user could change.
    #[serde(skip)]
    pub location: Option<Location>,
}

/// What a download is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Proof {
    /// A SHA-256 or SHA-512 in lower-case hexadecimal.
    Digest(String),
    /// A list of checksums.
    Checksums {
        /// Where it is.
        url: String,
        /// Who signs it; where nobody does, it comes over HTTPS.
        signature: Option<Signature>,
    },
}

/// A signature over a list of checksums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Where it is, unless the list has it in itself.
    pub url: String,
    /// The OpenPGP public key, armoured or not.
    pub key: Vec<u8>,
}

impl CloudImage {
    /// The file's name at the end of the URL, by which lists of checksums know it.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the same image comes from this URL for ever.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        matches!(self.proof, Proof::Digest(_))
    }

    /// Whether somebody's signature has to be checked.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        matches!(self.proof, Proof::Checksums { signature: Some(_), .. })
    }
}

/// The built-in image that a recipe names in its `from`, where there is no recipe of this name.
pub(super) fn by_name(
    catalogue: &Catalogue,
    source: &Arc<Source>,
    name: &str,
    node: &Node,
    findings: &mut Findings,
) -> Option<CloudImage> {
    let image = named(name);
    if image.is_none() {
        let clouds = names();
        let known: Vec<&str> =
            catalogue.recipes().into_iter().chain(clouds.iter().map(String::as_str)).collect();
        findings.push(super::findings::no_such_recipe(name, &known, Some((source, node))));
    }
    image
}

/// The names of the built-in images.
fn names() -> Vec<String> {
    let document = known();
    let Value::Map(entries) = &document.root.value else { return vec![] };
    entries.iter().map(|(key, _)| key.name.clone()).collect()
}

/// The built-in image of this name.
fn named(name: &str) -> Option<CloudImage> {
    let document = known();
    let Value::Map(entries) = &document.root.value else { return None };
    let (_, node) = entries.iter().find(|(key, _)| key.name == name)?;
    let mut findings = Findings::default();
    let reader =
        CloudImageReader { catalogue: &Catalogue::built_in(), source: &document.source, built_in: true };
    let image = reader.image(node, &mut findings)?;
    findings.is_empty().then_some(CloudImage { location: None, ..image })
}

fn known() -> Document {
    let source = Catalogue::built_in().source(KNOWN).expect("the list is compiled in");
    Document::parse(source).expect("the list that is compiled in is YAML")
}

/// Reads `from: {url: …}`.
pub(super) fn read(
    catalogue: &Catalogue,
    source: &Arc<Source>,
    node: &Node,
    findings: &mut Findings,
) -> Option<CloudImage> {
    CloudImageReader { catalogue, source, built_in: false }.image(node, findings)
}

struct CloudImageReader<'a> {
    catalogue: &'a Catalogue,
    source: &'a Arc<Source>,
    /// Whether a list without a signature may be enough.
    built_in: bool,
}

impl CloudImageReader<'_> {
    fn image(&self, node: &Node, findings: &mut Findings) -> Option<CloudImage> {
        let mut fields = Fields::of(self.source, "from", node, KEYS, findings);
        fields.require(&["url"], "url: https://example.org/image.qcow2");
        let url = self.url(&mut fields);
        let proof = self.proof(node, url.as_ref().map(|(url, _)| url), &mut fields);
        let (url, url_node) = url?;
        Some(CloudImage {
            url: url.into(),
            proof: proof?,
            location: Some(Location::of(self.source, url_node)),
        })
    }

    fn url<'n>(&self, fields: &mut Fields<'n, '_>) -> Option<(Url, &'n Node)> {
        let (text, node) = fields.text("url", findings::EXAMPLE)?;
        let parsed = Url::parse(text)
            .ok()
            .filter(|url| ["https", "http", "file"].contains(&url.scheme()) && !url.path().ends_with('/'));
        if parsed.is_none() {
            fields.findings().push(findings::not_a_url(self.source, text, node));
        }
        Some((parsed?, node))
    }

    fn proof(&self, node: &Node, url: Option<&Url>, fields: &mut Fields<'_, '_>) -> Option<Proof> {
        let given = ["sha256", "sha512", "checksums"].map(|key| fields.get(key).is_some());
        match given.iter().filter(|given| **given).count() {
            0 => fields.findings().push(findings::no_proof(self.source, node)),
            1 => {}
            _ => fields.findings().push(findings::two_proofs(self.source, node)),
        }
        let digest = self.digest("sha256", 64, fields).or(self.digest("sha512", 128, fields));
        let checksums = self.checksums(url, fields);
        digest.map(Proof::Digest).or(checksums)
    }

    fn digest(&self, kind: &str, digits: usize, fields: &mut Fields<'_, '_>) -> Option<String> {
        let node = fields.get(kind)?;
        // Digits alone, or with one `e` among them, are a number to YAML: what was written is what counts.
        let written = self.source.text.get(node.span.clone()).unwrap_or_default();
        let text = if let Value::Text(text) = &node.value { text } else { written };
        if text.len() == digits && text.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Some(text.to_ascii_lowercase());
        }
        fields.findings().push(findings::not_a_digest(self.source, kind, digits, node));
        None
    }

    fn checksums(&self, base: Option<&Url>, fields: &mut Fields<'_, '_>) -> Option<Proof> {
        let key = self.key(fields);
        let signature = fields.text("signature", "signature: SHA256SUMS.gpg");
        let Some((text, node)) = fields.text("checksums", "checksums: SHA256SUMS") else {
            let idle = fields.get("key").or(signature.map(|(_, node)| node));
            let finding = idle.map(|node| findings::nothing_signed(self.source, node));
            if let Some(finding) = finding {
                fields.findings().push(finding);
            }
            return None;
        };
        let unsigned = self.built_in && base.is_some_and(|base| base.scheme() == "https");
        if fields.get("key").is_none() && !unsigned {
            fields.findings().push(findings::no_key(self.source, node));
        }
        let url = self.beside(base?, text, node, fields)?;
        let signature = match signature {
            Some((text, node)) => self.beside(base?, text, node, fields)?,
            None => format!("{url}{SIGNATURE}"),
        };
        Some(Proof::Checksums { url, signature: key.map(|key| Signature { url: signature, key }) })
    }

    /// A URL that may be given relative to the image's.
    fn beside(&self, base: &Url, text: &str, node: &Node, fields: &mut Fields<'_, '_>) -> Option<String> {
        let joined = base.join(text).ok().filter(|_| !text.is_empty());
        if joined.is_none() {
            fields.findings().push(findings::not_a_url(self.source, text, node));
        }
        joined.map(Into::into)
    }

    fn key(&self, fields: &mut Fields<'_, '_>) -> Option<Vec<u8>> {
        let (path, node) = fields.text("key", "key: keys/publisher.asc")?;
        let Some(content) = self.catalogue.file(path) else {
            fields.findings().push(findings::no_such_key(self.source, path, node));
            return None;
        };
        if !is_public_key(content) {
            fields.findings().push(findings::not_a_key(self.source, path, node));
        }
        Some(content.to_vec())
    }
}

/// Armoured, or beginning with the packet of a public key (RFC 9580, sections 4.2 and 6.2): tag 6 in the old or in the
/// new form.
fn is_public_key(content: &[u8]) -> bool {
    const ARMOUR: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    content.windows(ARMOUR.len()).any(|window| window == ARMOUR)
        || content.first().is_some_and(|tag| matches!(tag, 0x98..=0x9b | 0xc6))
}

#[cfg(test)]
mod tests {
    use super::super::{Chain, RecipeParent};
    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn load(from: &str) -> Result<Chain, Findings> {
        let files = [
            ("node.yaml", format!("version: 1\nfrom: {from}\n")),
            ("keys/good.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n".into()),
            ("keys/bad.asc", "hello".into()),
        ];
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes()));
        Chain::load(&Catalogue::new("images", files.collect()), "node")
    }

    fn image(from: &str) -> CloudImage {
        match load(from).expect("sound").recipes()[0].parent.clone() {
            RecipeParent::Cloud(image) => image,
            other => panic!("{other:?}"),
        }
    }

    fn messages(from: &str) -> Vec<String> {
        load(from).expect_err("wrong").iter().map(|finding| finding.message.clone()).collect()
    }

    #[test]
    fn a_url_with_a_checksum_is_enough() {
        let it = image(&format!("{{url: 'https://example.org/a/image.qcow2.xz', sha256: {DIGEST}}}"));
        assert_eq!(it.proof, Proof::Digest(DIGEST.into()));
        assert_eq!(it.file_name(), "image.qcow2.xz");
        assert!(it.is_pinned() && !it.is_signed());
    }

    #[test]
    fn a_checksum_that_yaml_takes_for_a_number_is_one() {
        for digest in ["0".repeat(64), format!("{}e{}", "1".repeat(61), "12"), "1".repeat(64)] {
            let it = image(&format!("{{url: 'https://example.org/image.qcow2', sha256: {digest}}}"));
            assert_eq!(it.proof, Proof::Digest(digest));
        }
    }

    #[test]
    fn checksums_and_their_signature_may_be_named_relative_to_the_image() {
        let it = image("{url: 'https://example.org/a/image.raw', checksums: SHA256SUMS, key: keys/good.asc}");
        let Proof::Checksums { url, signature: Some(signature) } = &it.proof else { panic!("{it:?}") };
        assert_eq!(url, "https://example.org/a/SHA256SUMS");
        assert_eq!(signature.url, "https://example.org/a/SHA256SUMS.gpg");
        assert!(it.is_signed() && !it.is_pinned());
    }

    #[test]
    fn every_built_in_name_can_be_read_and_is_proven() {
        assert_eq!(names(), ["debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04"]);
        for name in names() {
            let it = image(&name);
            assert!(it.url.starts_with("https://"), "{it:?}");
            assert_eq!(it.is_signed(), name.starts_with("ubuntu"), "{it:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_cloud_image_is_told_at_once() {
        let url = "url: 'https://example.org/image.qcow2'";
        for (from, expected) in [
            (format!("{{{url}}}"), vec!["there is no checksum to verify the download from this URL"]),
            (format!("{{{url}, sha256: abc}}"), vec!["this is not a sha256: one has 64 hexadecimal digits"]),
            (
                format!("{{{url}, sha512: {DIGEST}}}"),
                vec!["this is not a sha512: one has 128 hexadecimal digits"],
            ),
            (
                format!("{{{url}, sha256: {DIGEST}, checksums: SUMS, key: keys/good.asc}}"),
                vec!["the image has more than one checksum"],
            ),
            (
                format!("{{{url}, checksums: SUMS}}"),
                vec![
                    "a checksums file without a signature proves nothing: an attacker who changes the image changes it too",
                ],
            ),
            (
                format!("{{{url}, checksums: SUMS, key: keys/none.asc}}"),
                vec!["the key `keys/none.asc` is not there"],
            ),
            (
                format!("{{{url}, checksums: SUMS, key: keys/bad.asc}}"),
                vec!["`keys/bad.asc` is not an OpenPGP public key"],
            ),
            (
                format!("{{{url}, sha256: {DIGEST}, key: keys/good.asc}}"),
                vec!["`key` has no checksums to verify"],
            ),
            (format!("{{sha256: {DIGEST}}}"), vec!["`url` is missing"]),
            (
                "{url: image.qcow2, sha: 1}".into(),
                vec![
                    "unknown key `sha`",
                    "`image.qcow2` is not the URL of a file",
                    "there is no checksum to verify the download from this URL",
                ],
            ),
            ("debian-11".into(), vec!["there is no recipe `debian-11`"]),
        ] {
            assert_eq!(messages(&from), expected, "{from}");
        }
    }

    #[test]
    fn a_suite_beside_it_and_a_container_on_it_are_refused() {
        let from = format!("{{url: 'https://example.org/image.qcow2', sha256: {DIGEST}}}");
        assert_eq!(messages(&format!("{from}\nsuite: trixie")), ["a recipe needs either `suite` or `from`"]);
        assert_eq!(
            messages(&format!("{from}\ncontainer: {{name: a/b}}")),
            ["a container image cannot be made from a cloud image"]
        );
    }
}
