//! How much user-data each platform takes.

use clap::ValueEnum;

/// Where user-data is entered, by how much of it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// The form of Horizon before 2025.2: 16383 bytes
    // Its `MAX_SCRIPT_SIZE` is 16384, and it refuses a text of that size.
    Horizon,
    /// The form of Horizon since 2025.2: 49149 bytes
    // It takes more, but hands the text to Nova.
    #[value(name = "horizon-2025.2")]
    Horizon2025,
    /// Nova's API, by the openstack command or a template: 49149 bytes
    // 65535 characters of base64.
    Nova,
    /// EC2 and what is compatible with it: 16384 bytes
    // Counted before base64.
    Ec2,
}

impl Platform {
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
