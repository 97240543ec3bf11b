//! What a user-data is for.

use std::net::Ipv4Addr;

use crate::workshop::{Engine, Extras, Secrets, Workshop};

/// What a user-data is for.
#[derive(Debug, Clone, Copy)]
pub struct InstanceSpec<'a> {
    /// The workshop.
    pub workshop: &'a Workshop,
    /// Its secrets.
    pub secrets: &'a Secrets,
    /// The machine's part in it.
    pub role: InstanceRole,
    /// What it boots.
    pub image: ImageKind,
}

impl InstanceSpec<'_> {
    /// What the machine is, in the words of a message.
    #[must_use]
    pub fn title(&self) -> String {
        let name = &self.workshop.name;
        match self.role {
            InstanceRole::Hub => format!("the hub of the workshop {name}"),
            InstanceRole::Node { hub } => format!("a node of the workshop {name}, whose hub is {hub}"),
        }
    }

    /// What the text begins with: people see by the id whether it belongs to the cards and the other texts.
    pub(super) fn heading(&self) -> String {
        format!("{}, id {}", self.title(), self.secrets.workshop_id(&self.workshop.name))
    }

    pub(super) fn extras(&self) -> &Extras {
        match self.role {
            InstanceRole::Hub => &self.workshop.hub,
            InstanceRole::Node { .. } => &self.workshop.node,
        }
    }

    /// Whether students' servers run on it.
    pub(super) fn carries_notebooks(&self) -> bool {
        self.role != InstanceRole::Hub || self.workshop.notebooks_on_hub
    }

    /// Whether a unit of its own fetches the organiser's notebook image. A node of a swarm does so before it joins.
    pub(super) fn pulls_notebook_image(&self) -> bool {
        let workshop = self.workshop;
        let joins_with_it = self.role != InstanceRole::Hub && workshop.engine == Engine::Swarm;
        self.carries_notebooks() && !joins_with_it && workshop.notebooks.image.is_some()
    }
}

/// What a machine boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// An image of `imagegen build`, which has the programs.
    Golden,
    /// An ordinary cloud image, which gets them with the text and their packages from its mirror.
    Stock,
}

/// A machine's part in the workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceRole {
    /// The one with the homes.
    Hub,
    /// One of those that carry the notebooks.
    Node {
        /// The hub's address.
        hub: Ipv4Addr,
    },
}
