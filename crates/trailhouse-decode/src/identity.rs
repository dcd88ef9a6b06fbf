//! `userIdentity` and the structs in it, into flat columns.

use crate::{
    cell::{BooleanForm, put_boolean, put_extra, put_json, put_text, put_time, struct_members},
    columns::{TextColumn, TextColumns},
    record::RowWriter,
    value::{Shape, Value},
};

const FROM_CONSOLE: &str = "sessionCredentialFromConsole";

impl RowWriter {
    /// Fills the identity columns. `from_console` is what a member at the top of the record says;
    /// it has its column here, and the member in the session's attributes goes before it.
    pub(super) fn identity(
        &mut self,
        row: usize,
        value: Option<Value<'_>>,
        from_console: Option<bool>,
    ) {
        let Some(members) = struct_members(&mut self.extra, "userIdentity", value) else {
            return self.put_from_console(row, from_console);
        };
        self.extra.enter("userIdentity");
        let mut session = None;
        for (name, value) in members.last_wins() {
            if let Some(column) = identity_text(&mut self.columns.text, name) {
                put_text(column, &mut self.extra, row, name, value);
                continue;
            }
            match name {
                "sessionContext" => session = Some(value),
                "invokedByDelegate" => {
                    self.text_struct(row, "invokedByDelegate", value, delegate_text);
                }
                "onBehalfOf" => self.text_struct(row, "onBehalfOf", value, on_behalf_of_text),
                "inScopeOf" => self.text_struct(row, "inScopeOf", value, in_scope_of_text),
                _ => put_extra(&mut self.extra, name, value),
            }
        }
        self.session(row, session, from_console);
        self.extra.leave();
    }

    fn session(&mut self, row: usize, value: Option<Value<'_>>, from_console: Option<bool>) {
        let Some(members) = struct_members(&mut self.extra, "sessionContext", value) else {
            return self.put_from_console(row, from_console);
        };
        self.extra.enter("sessionContext");
        let mut attributes = None;
        for (name, value) in members.last_wins() {
            let Self { columns, extra } = self;
            if let Some(column) = session_text(&mut columns.text, name) {
                put_text(column, extra, row, name, value);
                continue;
            }
            match name {
                "attributes" => attributes = Some(value),
                "assumedRoot" => {
                    let column = &mut columns.boolean.assumed_root;
                    put_boolean(column, extra, row, name, (value, BooleanForm::Text));
                }
                "sessionIssuer" => self.text_struct(row, "sessionIssuer", value, issuer_text),
                "webIdFederationData" => self.web_identity(row, value),
                _ => put_extra(extra, name, value),
            }
        }
        self.attributes(row, attributes, from_console);
        self.extra.leave();
    }

    fn attributes(&mut self, row: usize, value: Option<Value<'_>>, from_console: Option<bool>) {
        let Some(members) = struct_members(&mut self.extra, "attributes", value) else {
            return self.put_from_console(row, from_console);
        };
        let Self { columns, extra } = self;
        extra.enter("attributes");
        let mut is_here = false;
        for (name, value) in members.last_wins() {
            match name {
                "creationDate" => {
                    put_time(&mut columns.time.session_creation_date, extra, row, name, value);
                }
                "mfaAuthenticated" => {
                    let column = &mut columns.boolean.mfa_authenticated;
                    put_boolean(column, extra, row, name, (value, BooleanForm::Text));
                }
                FROM_CONSOLE => {
                    is_here = !matches!(value.shape(), Shape::Null);
                    let column = &mut columns.boolean.session_credential_from_console;
                    put_boolean(column, extra, row, name, (value, BooleanForm::Text));
                }
                _ => put_extra(extra, name, value),
            }
        }
        let column = &mut columns.boolean.session_credential_from_console;
        if let Some(flag) = from_console.filter(|_| !column.has(row)) {
            column.push(row, flag);
            if !is_here {
                // The column stands for this place, and here there was nothing.
                extra.member(FROM_CONSOLE, |out| out.push_str("null"));
            }
        }
        extra.leave();
    }

    /// Fills the column where `_extra` holds a whole struct in the place of its member.
    fn put_from_console(&mut self, row: usize, from_console: Option<bool>) {
        if let Some(flag) = from_console {
            self.columns.boolean.session_credential_from_console.push(row, flag);
        }
    }

    fn web_identity(&mut self, row: usize, value: Value<'_>) {
        let Self { columns, extra } = self;
        let Some(members) = struct_members(extra, "webIdFederationData", Some(value)) else {
            return;
        };
        extra.enter("webIdFederationData");
        for (name, value) in members.last_wins() {
            match name {
                "federatedProvider" => {
                    put_text(&mut columns.text.web_id_federated_provider, extra, row, name, value);
                }
                "attributes" => put_json(&mut columns.text.web_id_attributes, row, value),
                _ => put_extra(extra, name, value),
            }
        }
        extra.leave();
    }
}

fn identity_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "type" => &mut text.user_identity_type,
        "principalId" => &mut text.user_identity_principal_id,
        "arn" => &mut text.user_identity_arn,
        "accountId" => &mut text.user_identity_account_id,
        "accessKeyId" => &mut text.user_identity_access_key_id,
        "userName" => &mut text.user_identity_user_name,
        "invokedBy" => &mut text.user_identity_invoked_by,
        "credentialId" => &mut text.user_identity_credential_id,
        "identityProvider" => &mut text.user_identity_identity_provider,
        _ => return None,
    })
}

fn session_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "sourceIdentity" => &mut text.source_identity,
        "ec2RoleDelivery" => &mut text.ec2_role_delivery,
        "signInSessionArn" => &mut text.sign_in_session_arn,
        _ => return None,
    })
}

fn issuer_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "type" => &mut text.session_issuer_type,
        "principalId" => &mut text.session_issuer_principal_id,
        "arn" => &mut text.session_issuer_arn,
        "accountId" => &mut text.session_issuer_account_id,
        "userName" => &mut text.session_issuer_user_name,
        _ => return None,
    })
}

fn delegate_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    (name == "accountId").then_some(&mut text.invoked_by_delegate_account_id)
}

fn on_behalf_of_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "userId" => &mut text.on_behalf_of_user_id,
        "identityStoreArn" => &mut text.on_behalf_of_identity_store_arn,
        _ => return None,
    })
}

fn in_scope_of_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "sourceArn" => &mut text.in_scope_of_source_arn,
        "sourceAccount" => &mut text.in_scope_of_source_account,
        "issuerType" => &mut text.in_scope_of_issuer_type,
        "credentialsIssuedTo" => &mut text.in_scope_of_credentials_issued_to,
        _ => return None,
    })
}
