//! Shows how questions would be judged.

use std::{fmt::Write, sync::Arc};

use datafusion::{error::DataFusionError, physical_plan::displayable};

use super::{
    Question,
    engine::{Engine, distinct},
    kind::kind_columns,
    leaf::{Leaf, LeafSpec},
    prepare::Prepared,
    scan::SharedScan,
    tables::Judged,
};
use crate::{
    error::{QueryError, classify},
    planner::on_planning_stack,
};

impl Engine {
    /// Describes the shared scans and what each question takes of them.
    pub(crate) async fn explain(&self, questions: &[Question<'_>]) -> Result<String, QueryError> {
        let (prepared, failures) = self.prepare_all(questions).await;
        let name = |index: &usize| questions.get(*index).map_or("", |question| question.id);
        let mut text = String::new();
        for (table, title) in [(Judged::Events, "events"), (Judged::Before, "events_before")] {
            let all = prepared.iter().flat_map(|(_, prepared)| &prepared.leaves);
            let leaves = distinct(all.filter(|leaf| leaf.spec.table == table));
            if leaves.is_empty() {
                push(&mut text, &format!("no scan of {title}"));
                continue;
            }
            let scan = self.shared_scan(table, leaves.clone(), None)?;
            let asking = prepared.iter().filter(|(_, prepared)| asks(prepared, table)).count();
            self.explain_scan(&mut text, title, asking, scan).await?;
            for (number, leaf) in leaves.iter().enumerate() {
                let readers = prepared.iter().filter(|(_, one)| reads(one, &leaf.spec));
                let readers: Vec<&str> = readers.map(|(index, _)| name(index)).collect();
                push(&mut text, &format!("  leaf {}, for {}", number + 1, readers.join(", ")));
                self.explain_leaf(&mut text, leaf);
            }
        }
        for (index, _) in prepared.iter().filter(|(_, prepared)| prepared.leaves.is_empty()) {
            push(&mut text, &format!("by itself: {}", name(index)));
        }
        for (index, error) in &failures {
            push(&mut text, &format!("failed: {}: {error}", name(index)));
        }
        Ok(text)
    }

    async fn explain_scan(
        &self,
        text: &mut String,
        title: &str,
        questions: usize,
        scan: SharedScan,
    ) -> Result<(), QueryError> {
        let leaves = scan.leaves.len();
        let dispatched = scan.leaves.iter().filter(|leaf| leaf.kind.is_some()).count();
        let schema = self.tables.schema();
        let columns = scan.columns();
        push(text, &format!("one scan of {title} for {questions} questions with {leaves} leaves"));
        let (read, all) = (columns.len(), schema.fields().len());
        push(text, &format!("  columns: {read} of {all}: {}", self.names(&columns)));
        let predicate: Vec<String> = scan.predicate.iter().map(ToString::to_string).collect();
        let predicate =
            if predicate.is_empty() { "none".to_owned() } else { predicate.join(" AND ") };
        push(text, &format!("  predicate: {predicate}"));
        let kinds = self.names(&kind_columns(&schema));
        push(text, &format!("  dispatch: {dispatched} of {leaves} leaves by {kinds}"));
        let planner = Arc::clone(&self.planner);
        let plan = on_planning_stack(async move {
            let failed = |error: DataFusionError| classify(&error, &planner.vocabulary);
            let plan = scan.plan(&planner.context.state()).await.map_err(failed)?;
            Ok(displayable(plan.as_ref()).indent(false).to_string())
        })
        .await?;
        for line in plan.lines() {
            push(text, &format!("  plan: {line}"));
        }
        Ok(())
    }

    fn explain_leaf(&self, text: &mut String, leaf: &Leaf) {
        if let Some(kind) = &leaf.kind_expr {
            push(text, &format!("    kind: {kind}"));
        }
        if let Some(rest) = &leaf.rest {
            push(text, &format!("    rest: {}", rest.text));
        }
        push(text, &format!("    columns: {}", self.names(&leaf.spec.columns)));
    }

    fn names(&self, columns: &[usize]) -> String {
        let schema = self.tables.schema();
        let fields = columns.iter().filter_map(|column| schema.fields().get(*column));
        let names: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        names.join(", ")
    }
}

fn asks(prepared: &Prepared, table: Judged) -> bool {
    prepared.leaves.iter().any(|leaf| leaf.spec.table == table)
}

fn reads(prepared: &Prepared, spec: &LeafSpec) -> bool {
    prepared.leaves.iter().any(|leaf| leaf.spec == *spec)
}

fn push(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
