//! Who can log in to an image, by its tables of accounts.

/// How the password of an account begins that has none and cannot log in by one (shadow(5)).
pub(super) const LOCKED: [char; 2] = ['*', '!'];
/// The first UID of people (`UID_MIN` of login.defs(5)).
pub(super) const FIRST_LOGIN_UID: u32 = 1000;
/// Accounts with a higher UID that are nobody's.
pub(super) const NOT_LOGIN: &[&str] = &["nobody"];

/// What stands in passwd(5) for a password that is in shadow(5); there it is nobody's password.
pub(super) const SHADOWED: &str = "x";
/// The one account that may have the UID 0.
const ROOT: &str = "root";

/// What is wrong with the accounts of an image, by its `etc/shadow` or its `etc/passwd`: nobody may have a password.
#[must_use]
pub fn accounts_with_password(table: &str) -> Vec<&str> {
    let fields = table.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 1 && fields[1] != SHADOWED && !fields[1].starts_with(LOCKED))
        .map(|fields| fields[0])
        .collect()
}

/// Login users of an image, by its `etc/passwd`: UIDs of people, except `nobody`, and a second root.
#[must_use]
pub fn login_users(passwd: &str) -> Vec<&str> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 2 && !NOT_LOGIN.contains(&fields[0]))
        .filter(|fields| match fields[2].parse::<u32>() {
            Ok(0) => fields[0] != ROOT,
            Ok(uid) => uid >= FIRST_LOGIN_UID,
            Err(_) => false,
        })
        .map(|fields| fields[0])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_or_a_login_user_is_found() {
        assert_eq!(
            accounts_with_password("root:*:1::\nada:$6$x:1::\nbob::1::\n_rpc:!:1::\n"),
            ["ada", "bob"]
        );
        assert_eq!(
            accounts_with_password("root:x:0:0\nada::1:1\nbob:$6$x:2:2\n_rpc:*:3:3\n"),
            ["ada", "bob"]
        );
        assert_eq!(login_users("root:x:0:0::\ntoor:x:0:0::\n"), ["toor"]);
        assert_eq!(login_users("root:x:0:0::\nnobody:x:65534:::\ndebian:x:1000:1000::\n"), ["debian"]);
    }
}
