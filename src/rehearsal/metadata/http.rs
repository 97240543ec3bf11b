//! What Nova's metadata service says over HTTP, as paths and answers.

use super::Instance;

/// The versions that Nova lists; all have the same files here.
const VERSIONS: [&str; 10] = [
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
];

/// The versions of the form that Amazon's EC2 has.
const EC2_VERSIONS: [&str; 2] = ["2009-04-04", "latest"];

/// Whether the service works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Well,
    /// Each request gets an error.
    Failing,
}

/// The response to what a client has sent so far; none while its request is not whole.
pub fn respond(request: &[u8], instance: Option<&Instance>, health: Health) -> Option<Vec<u8>> {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&request[..end]);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let response = match (health, words.next(), words.next()) {
        (Health::Failing, ..) => Err("500 Internal Server Error"),
        (_, Some("GET"), Some(target)) => instance.and_then(|it| page(target, it)).ok_or("404 Not Found"),
        (_, Some(_), Some(_)) => Err("405 Method Not Allowed"),
        _ => Err("400 Bad Request"),
    };
    Some(match response {
        Ok(body) => message("200 OK", &body),
        Err(status) => message(status, status),
    })
}

/// The response to what is no request at all.
pub fn refuse() -> Vec<u8> {
    message("400 Bad Request", "400 Bad Request")
}

fn message(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What is at a path, if anything is.
fn page(target: &str, instance: &Instance) -> Option<String> {
    let path: Vec<&str> = target.split('/').filter(|part| !part.is_empty()).collect();
    match path[..] {
        [] => Some(EC2_VERSIONS.join("\n")),
        ["openstack"] => Some(VERSIONS.join("\n")),
        ["openstack", version, ref rest @ ..] if VERSIONS.contains(&version) => openstack(rest, instance),
        [version, ref rest @ ..] if EC2_VERSIONS.contains(&version) => ec2(rest, instance),
        _ => None,
    }
}

fn openstack(path: &[&str], instance: &Instance) -> Option<String> {
    match path {
        [] => Some(instance.files.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\n")),
        [name] => instance.file(name).map(str::to_owned),
        _ => None,
    }
}

fn ec2(path: &[&str], instance: &Instance) -> Option<String> {
    let data = ec2_data(instance);
    match path {
        [] => Some(
            if instance.file("user_data").is_some() { "meta-data/\nuser-data" } else { "meta-data/" }.into(),
        ),
        ["user-data"] => instance.file("user_data").map(str::to_owned),
        ["meta-data"] => Some(data.map(|(name, _)| name).join("\n")),
        ["meta-data", name] => data.into_iter().find(|(known, _)| known == name).map(|(_, value)| value),
        _ => None,
    }
}

fn ec2_data(instance: &Instance) -> [(&'static str, String); 6] {
    [
        ("ami-launch-index", "0".into()),
        ("hostname", instance.name.clone()),
        ("instance-id", format!("i-{}", instance.uuid.get(..8).unwrap_or_default())),
        ("instance-type", "rehearsal".into()),
        ("local-hostname", instance.name.clone()),
        ("local-ipv4", instance.address.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::instance;
    use super::*;

    fn said(request: &str) -> String {
        String::from_utf8(respond(request.as_bytes(), Some(&instance()), Health::Well).unwrap()).unwrap()
    }

    fn body(path: &str) -> String {
        let said = said(&format!("GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n"));
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        body.to_owned()
    }

    #[test]
    fn openstack_s_files_are_there_in_every_version() {
        for version in body("/openstack").lines().chain(["latest"]) {
            let files = body(&format!("/openstack/{version}/"));
            assert_eq!(files, "meta_data.json\nnetwork_data.json\nuser_data");
            assert_eq!(body(&format!("/openstack/{version}/user_data")), "#cloud-config\n");
        }
        let meta: serde_json::Value =
            serde_json::from_str(&body("/openstack/latest/meta_data.json")).unwrap();
        assert_eq!(meta["hostname"], "node-1");
        assert_eq!(body("//openstack//latest//network_data.json"), r#"{"links":[]}"#);
    }

    #[test]
    fn what_amazon_s_form_lists_is_there() {
        assert_eq!(body("/"), "2009-04-04\nlatest");
        assert_eq!(body("/latest/user-data"), "#cloud-config\n");
        assert_eq!(body("/latest/meta-data/local-ipv4"), "10.77.0.11");
        for name in body("/2009-04-04/meta-data/").lines() {
            assert!(!body(&format!("/2009-04-04/meta-data/{name}")).is_empty());
        }
    }

    #[test]
    fn other_paths_and_strangers_get_404_and_other_methods_405() {
        for path in
            ["/openstack/2042-01-01", "/openstack/latest/password", "/latest/meta-data/public-keys/", "/x"]
        {
            assert!(said(&format!("GET {path} HTTP/1.1\r\n\r\n")).starts_with("HTTP/1.1 404 "), "{path}");
        }
        let stranger = respond(b"GET /openstack HTTP/1.1\r\n\r\n", None, Health::Well).unwrap();
        assert!(stranger.starts_with(b"HTTP/1.1 404 "));
        assert!(said("PUT /latest/api/token HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(said("hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn a_failing_service_says_500_and_half_a_request_waits() {
        let request = b"GET /openstack HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n";
        let failed = respond(request, Some(&instance()), Health::Failing).unwrap();
        assert!(failed.starts_with(b"HTTP/1.1 500 "));
        for length in 0..request.len() {
            assert_eq!(respond(&request[..length], Some(&instance()), Health::Well), None);
        }
    }
}
