//! How words and times of the domain stand in the stored form of an alert.

/// A severity as its word.
pub(crate) mod severity {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use trailhouse_model::Severity;

    pub(crate) fn serialize<S: Serializer>(level: &Severity, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(level.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Severity, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A confidence as its word.
pub(crate) mod confidence {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use trailhouse_detect::Confidence;

    pub(crate) fn serialize<S: Serializer>(level: &Confidence, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(level.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Confidence, D::Error> {
        let word = String::deserialize(from)?;
        let level = Confidence::ALL.into_iter().find(|level| level.as_str() == word);
        level.ok_or_else(|| D::Error::custom("not a confidence"))
    }
}

/// A time in its RFC 3339 form.
pub(crate) mod time {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use trailhouse_model::EventTime;

    pub(crate) fn serialize<S: Serializer>(time: &EventTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EventTime, D::Error> {
        EventTime::parse_rfc3339(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A time in its RFC 3339 form, or null.
pub(crate) mod time_or_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use trailhouse_model::EventTime;

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<EventTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<EventTime>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| EventTime::parse_rfc3339(&text).map_err(D::Error::custom)).transpose()
    }
}
