//! The accounts that a workshop's users come to.

/// Everybody with an account, in the order of the file, and the groups that they are in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    /// Single users and ranges of them.
    pub entries: Vec<AccountEntry>,
    /// The groups beside those that every user has alone.
    pub groups: Vec<Group>,
}

/// One user, or many that are numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEntry {
    /// One.
    Single(User),
    /// Many.
    Range(UserRange),
}

/// Users that differ by a number: `training01` to `training30`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRange {
    /// What their names begin with.
    pub prefix: String,
    /// The first number.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// How many digits the number has at least.
    pub width: usize,
    /// The first one's UID and GID; the others follow.
    pub uid: u32,
    /// The groups that all of them are in.
    pub groups: Vec<String>,
}

/// An account that is the same on all machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's first group: one of the declared groups, or else one of the user's own name.
    pub gid: u32,
    /// The name of the person, where it is known.
    pub full_name: Option<String>,
    /// The declared groups that the user is in besides.
    pub groups: Vec<String>,
    /// Whether the user administers JupyterHub.
    pub admin: bool,
    /// The crypt(5) hash of a password of the user's own; without it the password is generated.
    pub password_hash: Option<PasswordHash>,
}

/// A crypt(5) hash: no password, and still nothing to show around.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub(crate) String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(…)")
    }
}

/// A group with members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

impl Users {
    /// 30 students, `training01` to `training30`, with UIDs from 2001.
    #[must_use]
    pub fn usual() -> Self {
        let range =
            UserRange { prefix: "training".into(), first: 1, count: 30, width: 2, uid: 2001, groups: vec![] };
        Self { entries: vec![AccountEntry::Range(range)], groups: vec![] }
    }

    /// Each account.
    pub fn accounts(&self) -> impl Iterator<Item = User> {
        self.entries.iter().flat_map(AccountEntry::accounts)
    }

    /// How many accounts there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.entries.iter().map(AccountEntry::count).sum()
    }
}

impl AccountEntry {
    /// Each account of the entry.
    pub fn accounts(&self) -> impl Iterator<Item = User> {
        (0..self.count()).map(|offset| match self {
            Self::Single(user) => user.clone(),
            Self::Range(range) => range.user(offset),
        })
    }

    /// How many accounts the entry stands for.
    #[must_use]
    pub fn count(&self) -> u32 {
        match self {
            Self::Single(_) => 1,
            Self::Range(range) => range.count,
        }
    }

    /// The declared groups that its users are in besides their first one.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        match self {
            Self::Single(user) => &user.groups,
            Self::Range(range) => &range.groups,
        }
    }
}

impl UserRange {
    /// The name of the user that comes `offset` after the first.
    #[must_use]
    pub fn name(&self, offset: u32) -> String {
        format!("{}{:0width$}", self.prefix, self.first + offset, width = self.width)
    }

    fn user(&self, offset: u32) -> User {
        let uid = self.uid + offset;
        User { groups: self.groups.clone(), ..User::plain(self.name(offset), uid) }
    }
}

impl User {
    /// A user with nothing but a name and a number.
    #[must_use]
    pub fn plain(name: String, uid: u32) -> Self {
        Self { name, uid, gid: uid, full_name: None, groups: vec![], admin: false, password_hash: None }
    }
}
