//! The JSON schema of `workshop.yaml`, for editors.

/// The schema's text (draft 7, which the YAML plug-ins of editors read).
pub const TEXT: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{autofs, docker, machines, network, notebooks, read, users, web};
    use super::TEXT;

    /// Every mapping that the reader knows, by where the schema has it, with the reader's own list of keys.
    const MAPPINGS: &[(&str, &[&str])] = &[
        ("", read::KEYS),
        ("/properties/classic", read::CLASSIC_KEYS),
        ("/properties/users/items", users::ENTRY_KEYS),
        ("/properties/users/items/properties/range", users::RANGE_KEYS),
        ("/properties/groups/items", users::GROUP_KEYS),
        ("/properties/docker", docker::KEYS),
        ("/properties/docker/properties/address_pools/items", docker::POOL_KEYS),
        ("/properties/network", network::KEYS),
        ("/properties/homes", network::HOMES_KEYS),
        ("/properties/autofs", autofs::KEYS),
        ("/properties/autofs/properties/maps/items", autofs::MAP_KEYS),
        ("/properties/notebooks", notebooks::KEYS),
        ("/properties/web", web::KEYS),
        ("/properties/materials/items", notebooks::MATERIAL_KEYS),
        ("/properties/hub", machines::HUB_KEYS),
        ("/properties/node", machines::KEYS),
        ("/definitions/files/items", machines::FILE_KEYS),
    ];

    fn mappings(schema: &Value, count: &mut usize) {
        *count += usize::from(schema["additionalProperties"] == false);
        match schema {
            Value::Object(inner) => inner.values().for_each(|value| mappings(value, count)),
            Value::Array(inner) => inner.iter().for_each(|value| mappings(value, count)),
            _ => {}
        }
    }

    #[test]
    fn it_has_the_keys_that_the_reader_knows_and_no_others() {
        let schema: Value = serde_json::from_str(TEXT).expect("JSON");
        for (place, keys) in MAPPINGS {
            let properties =
                schema.pointer(&format!("{place}/properties")).and_then(Value::as_object).expect(place);
            let mut known: Vec<&str> = keys.to_vec();
            known.sort_unstable();
            let mut listed: Vec<&str> = properties.keys().map(String::as_str).collect();
            listed.sort_unstable();
            assert_eq!(listed, known, "{place}");
            for (key, property) in properties {
                assert!(property["description"].is_string(), "{place}/{key} has no description");
            }
        }
        let mut count = 0;
        mappings(&schema, &mut count);
        assert_eq!(count, MAPPINGS.len(), "a mapping of the schema is not compared with the reader");
    }
}
