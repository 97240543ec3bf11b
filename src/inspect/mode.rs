//! Who may do what with a file.

/// Permission bits and owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    /// The twelve bits.
    pub(super) bits: u16,
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Mode {
    /// As `ls` and dpkg have it, in numbers.
    pub(super) fn told(self) -> String {
        format!("mode {:04o}, owner {}:{}", self.bits, self.user, self.group)
    }
}
