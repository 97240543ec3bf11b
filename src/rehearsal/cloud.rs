//! The cloud around the machines of a rehearsal.

use super::metadata::Manner;
use super::network::LanLayout;
use crate::vm::NOVA;

/// Where machines get their user-data from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Datasource {
    /// A disk.
    #[default]
    ConfigDrive,
    /// A service on the network.
    Metadata,
}

/// What clouds differ in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Where the user-data comes from.
    pub datasource: Datasource,
    /// What the firmware of each machine calls the product.
    pub product: String,
    /// How the metadata service behaves.
    pub manner: Manner,
    /// What the network is like.
    pub network: LanLayout,
    /// Whether each machine is in a second network, too.
    pub second_interface: bool,
}

impl Cloud {
    /// Whether there is something on the LAN besides machines: addresses come from it, too.
    #[must_use]
    pub fn has_service(&self) -> bool {
        self.datasource == Datasource::Metadata || self.network == LanLayout::Dhcp
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            datasource: Datasource::default(),
            product: NOVA.into(),
            manner: Manner::default(),
            network: LanLayout::default(),
            second_interface: false,
        }
    }
}
