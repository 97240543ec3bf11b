//! How much text each way into a cloud takes.

/// A way into a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// The form of Horizon before 2025.2. Its `MAX_SCRIPT_SIZE` is 16384, and a text that reaches it is refused.
    Horizon,
    /// The form of Horizon since 2025.2. It takes more, but hands the text to Nova.
    Horizon2025,
    /// Nova's API: 65535 characters of base64.
    Nova,
    /// EC2 and what is compatible with it: 16384 bytes before base64.
    Ec2,
}

impl Budget {
    /// The most bytes that it takes.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Horizon => 16_383,
            Self::Horizon2025 | Self::Nova => 49_149,
            Self::Ec2 => 16_384,
        }
    }

    /// Its name in a message.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Horizon => "Horizon before 2025.2",
            Self::Horizon2025 => "Horizon since 2025.2",
            Self::Nova => "Nova's API",
            Self::Ec2 => "EC2",
        }
    }
}
