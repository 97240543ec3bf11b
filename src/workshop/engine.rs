//! What joins the machines to one.

/// What joins the machines to one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Engine {
    /// Docker's own swarm mode.
    #[default]
    Swarm,
    /// The standalone Swarm of 2016, with a Consul that knows the nodes.
    Classic(ClassicImages),
}

/// The container images of the classic engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicImages {
    /// The key-value store.
    pub consul: String,
    /// Manager and join agent.
    pub swarm: String,
}

impl Default for ClassicImages {
    /// What a registry still serves to Docker 26 and later: both have manifests of schema 2. `progrium/consul`, which the
    /// procedure of 2016 used, has none.
    fn default() -> Self {
        Self { consul: "hashicorp/consul:1.20.1".into(), swarm: "swarm:1.2.9".into() }
    }
}
