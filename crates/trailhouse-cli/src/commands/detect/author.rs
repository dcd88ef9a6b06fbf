//! What authors of detections do with their files: list, show, start a new one, get the schema.

use trailhouse_detect::{
    Pack, PackEntry,
    author::schema::{detection_schema, manifest_schema},
};
use trailhouse_service::{
    FailureKind, PackPlace, ServiceError,
    detect::{front_matter_of, new_detection},
    load_packs,
};

use crate::{
    args::{Global, NewArgs, PacksArgs, SchemaOf, ShowAs},
    commands::{
        document::write_json,
        rows::{Cells, write},
        summary::{count, plural},
    },
    exit::Exit,
    terminal::Terminal,
};

pub(super) fn list(
    global: &Global,
    packs: &PacksArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let packs = load_packs(&PackPlace::all(&packs.packs))?;
    let entries: Vec<(&Pack, &PackEntry)> =
        packs.iter().flat_map(|pack| pack.entries.iter().map(move |entry| (pack, entry))).collect();
    let text = |of: &dyn Fn(&PackEntry) -> String| {
        Cells::Text(entries.iter().map(|(_, entry)| Some(of(entry))).collect())
    };
    let pack_ids = entries.iter().map(|(pack, _)| Some(pack.manifest.id.clone())).collect();
    write(
        global,
        vec![
            ("id", text(&|entry| entry.detection.id.as_str().to_owned())),
            ("severity", text(&|entry| entry.detection.severity.to_string())),
            ("theme", text(&|entry| entry.theme.clone())),
            ("title", text(&|entry| entry.detection.title.clone())),
            ("techniques", text(&techniques)),
            ("pack", Cells::Text(pack_ids)),
        ],
    )?;
    for pack in &packs {
        let manifest = &pack.manifest;
        terminal.say(&format!(
            "{} in pack {} {} (ATT&CK v{})",
            plural(count(pack.entries.len()), "detection"),
            manifest.id,
            manifest.version,
            manifest.attack_version,
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn list_queries(
    global: &Global,
    packs: &PacksArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let packs = load_packs(&PackPlace::all(&packs.packs))?;
    let (mut paths, mut pack_ids) = (Vec::new(), Vec::new());
    for pack in &packs {
        for query in &pack.queries {
            paths.push(Some(query.path.clone()));
            pack_ids.push(Some(pack.manifest.id.clone()));
        }
    }
    let number = plural(count(paths.len()), "SQL file");
    write(global, vec![("path", Cells::Text(paths)), ("pack", Cells::Text(pack_ids))])?;
    terminal.say(&format!("{number}; run one with `trailhouse query - < FILE`"));
    Ok(Exit::Done)
}

fn techniques(entry: &PackEntry) -> String {
    let names: Vec<&str> =
        entry.detection.techniques.iter().map(|technique| technique.technique.as_str()).collect();
    names.join(" ")
}

/// Finds a detection in the first pack that has it.
pub(super) fn find<'p>(
    packs: &'p [Pack],
    id: &str,
) -> Result<(&'p Pack, &'p PackEntry), ServiceError> {
    let found = packs.iter().find_map(|pack| Some((pack, pack.find(id)?)));
    found.ok_or_else(|| {
        let names: Vec<&str> = packs.iter().map(|pack| pack.manifest.id.as_str()).collect();
        let message = format!("no detection `{id}` in {}", names.join(", "));
        ServiceError::new(FailureKind::Usage, message)
            .with_hint("`trailhouse detect ls` lists them")
    })
}

pub(super) fn show(
    packs: &PacksArgs,
    id: &str,
    show_as: ShowAs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let places = PackPlace::all(&packs.packs);
    let packs = load_packs(&places)?;
    let (pack, entry) = find(&packs, id)?;
    let text = match show_as {
        ShowAs::Text => for_a_person(pack, entry),
        ShowAs::Sql => entry.detection.sql.clone(),
        ShowAs::Toml => front_matter_of(&places, id)?.trim_end().to_owned(),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn for_a_person(pack: &Pack, entry: &PackEntry) -> String {
    let detection = &entry.detection;
    let mut text = format!(
        "{}\n{}\n\nid          {}\nseverity    {}\ntechniques  {} (ATT&CK v{})\nfile        {}\n",
        detection.title,
        detection.description,
        detection.id.as_str(),
        detection.severity,
        techniques(entry),
        pack.manifest.attack_version,
        entry.path,
    );
    if !detection.false_positives.is_empty() {
        text.push_str(&format!("false positives: {}\n", detection.false_positives.join("; ")));
    }
    text.push_str(&format!("\n{}\n", detection.sql.trim_end()));
    if let Some(runbook) = &entry.runbook {
        text.push_str(&format!("\n{}", runbook.trim_end()));
    }
    text
}

pub(super) fn new(arguments: &NewArgs, terminal: &Terminal) -> Result<Exit, ServiceError> {
    let NewArgs { id, pack, kind } = arguments;
    for path in new_detection(pack, id, *kind)? {
        terminal.print(&path.display().to_string())?;
    }
    terminal.say(&format!(
        "Change the SQL and the cases, then: trailhouse detect test --pack {} -k {id}",
        pack.display()
    ));
    Ok(Exit::Done)
}

pub(super) fn schema(global: &Global, of: SchemaOf) -> Result<Exit, ServiceError> {
    let schema = match of {
        SchemaOf::Detection => detection_schema(),
        SchemaOf::Pack => manifest_schema(),
    };
    write_json(global.output.as_deref(), &format!("{schema:#}"))?;
    Ok(Exit::Done)
}
