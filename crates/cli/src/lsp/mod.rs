//! The language server: one loop, requests in their order, every answer from the language itself.

mod place;
mod stdio;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionOptions, CompletionParams, Diagnostic,
    DiagnosticRelatedInformation, DiagnosticSeverity, DidChangeTextDocumentParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DocumentFormattingParams, Hover,
    HoverContents, HoverParams, HoverProviderCapability, Location, MarkupContent, MarkupKind,
    NumberOrString, OneOf, PublishDiagnosticsParams, ServerCapabilities,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextEdit, Uri,
};
use place::Lines;
use serde::Serialize;
use serde::de::DeserializeOwned;
use squall_spec::diagnostic::Level;
use squall_spec::sla::{Facts, check, complete, format, hover};
use std::collections::HashMap;

/// The longest file that is read, as for every file people write.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// Serves until the editor says goodbye or goes away.
pub(crate) fn serve() -> Result<(), String> {
    let (connection, reading, writing) = stdio::connect();
    let outcome = talk(&connection);
    // The writer ends when nobody can send any more.
    drop(connection);
    let written = writing.finish();
    // What could not be read is the cause of whatever else went wrong.
    if let Some(why) = reading.failure() {
        return Err(format!("the connection broke: {why}"));
    }
    outcome?;
    written.map_err(|why| format!("the connection broke: standard output: {why}"))
}

fn talk(connection: &Connection) -> Result<(), String> {
    let capabilities = ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions::default()),
        document_formatting_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    };
    let capabilities = serde_json::to_value(capabilities).map_err(|why| why.to_string())?;
    connection
        .initialize(capabilities)
        .map_err(|why| format!("the editor did not begin: {why}"))?;
    let mut server = Server { connection, texts: HashMap::new() };
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).map_err(|why| why.to_string())? {
                    return Ok(());
                }
                server.request(request)?;
            }
            Message::Notification(notification) => server.notification(notification)?,
            Message::Response(_) => {}
        }
    }
    Ok(())
}

struct Server<'c> {
    connection: &'c Connection,
    texts: HashMap<String, String>,
}

impl Server<'_> {
    fn send(&self, message: impl Into<Message>) -> Result<(), String> {
        self.connection.sender.send(message.into()).map_err(|why| why.to_string())
    }

    fn request(&mut self, request: Request) -> Result<(), String> {
        let Request { id, method, params } = request;
        let answer = match method.as_str() {
            "textDocument/hover" => self.answer(params, Self::hover),
            "textDocument/completion" => self.answer(params, Self::completion),
            "textDocument/formatting" => self.answer(params, Self::formatting),
            other => Err((ErrorCode::MethodNotFound, format!("{other} is not served"))),
        };
        self.send(match answer {
            Ok(value) => Response::new_ok(id, value),
            Err((code, why)) => Response::new_err(id, code as i32, why),
        })
    }

    fn answer<P: DeserializeOwned, R: Serialize>(
        &self,
        params: serde_json::Value,
        of: fn(&Self, P) -> R,
    ) -> Result<serde_json::Value, (ErrorCode, String)> {
        let params: P = serde_json::from_value(params)
            .map_err(|why| (ErrorCode::InvalidParams, why.to_string()))?;
        serde_json::to_value(of(self, params))
            .map_err(|why| (ErrorCode::InternalError, why.to_string()))
    }

    fn notification(&mut self, notification: Notification) -> Result<(), String> {
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                let Ok(opened) = serde_json::from_value::<DidOpenTextDocumentParams>(params) else {
                    return Ok(());
                };
                let document = opened.text_document;
                self.change(document.uri, document.text, Some(document.version))
            }
            "textDocument/didChange" => {
                let changed = serde_json::from_value::<DidChangeTextDocumentParams>(params);
                let Ok(DidChangeTextDocumentParams { text_document, mut content_changes }) =
                    changed
                else {
                    return Ok(());
                };
                match content_changes.pop() {
                    Some(last) => {
                        self.change(text_document.uri, last.text, Some(text_document.version))
                    }
                    None => Ok(()),
                }
            }
            "textDocument/didClose" => {
                let Ok(closed) = serde_json::from_value::<DidCloseTextDocumentParams>(params)
                else {
                    return Ok(());
                };
                let uri = closed.text_document.uri;
                self.texts.remove(uri.as_str());
                self.publish(PublishDiagnosticsParams::new(uri, Vec::new(), None))
            }
            _ => Ok(()),
        }
    }

    /// Keeps a text and says everything that is wrong with it.
    fn change(&mut self, uri: Uri, text: String, version: Option<i32>) -> Result<(), String> {
        if text.len() > TEXT_BYTES_MAX {
            self.texts.remove(uri.as_str());
            return Ok(());
        }
        let lines = Lines::new(&text);
        let found = check(&text, &Facts::default()).diagnostics;
        let all = found.into_iter().map(|d| diagnostic(&uri, &lines, d)).collect();
        self.texts.insert(uri.as_str().to_owned(), text);
        self.publish(PublishDiagnosticsParams::new(uri, all, version))
    }

    fn publish(&self, params: PublishDiagnosticsParams) -> Result<(), String> {
        let method = "textDocument/publishDiagnostics".to_owned();
        self.send(Notification::new(method, params))
    }

    fn hover(&self, params: HoverParams) -> Option<Hover> {
        let at = params.text_document_position_params;
        let text = self.texts.get(at.text_document.uri.as_str())?;
        let lines = Lines::new(text);
        let (span, value) = hover(text, lines.offset(at.position), &Facts::default())?;
        let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
        Some(Hover { contents, range: Some(lines.range(span)) })
    }

    fn completion(&self, params: CompletionParams) -> Vec<CompletionItem> {
        let at = params.text_document_position;
        let Some(text) = self.texts.get(at.text_document.uri.as_str()) else { return Vec::new() };
        let offset = Lines::new(text).offset(at.position);
        let item = |suggestion: squall_spec::sla::Suggestion| CompletionItem {
            label: suggestion.label,
            kind: Some(CompletionItemKind::KEYWORD),
            detail: Some(suggestion.detail).filter(|detail| !detail.is_empty()),
            insert_text: Some(suggestion.insert),
            ..CompletionItem::default()
        };
        complete(text, offset).into_iter().map(item).collect()
    }

    fn formatting(&self, params: DocumentFormattingParams) -> Option<Vec<TextEdit>> {
        let text = self.texts.get(params.text_document.uri.as_str())?;
        let new_text = format(text)?;
        if new_text == *text {
            return Some(Vec::new());
        }
        let whole = squall_spec::Span::new(0, text.len());
        Some(vec![TextEdit { range: Lines::new(text).range(whole), new_text }])
    }
}

fn diagnostic(uri: &Uri, lines: &Lines<'_>, found: squall_spec::Diagnostic) -> Diagnostic {
    let mut message = found.message;
    let more = [found.label, found.help.map(|h| format!("help: {h}")).unwrap_or_default()];
    let note = found.note.map(|n| format!("note: {n}")).unwrap_or_default();
    for more in more.into_iter().chain([note]).filter(|more| !more.is_empty()) {
        message.push('\n');
        message.push_str(&more);
    }
    let others: Vec<DiagnosticRelatedInformation> = found
        .others
        .into_iter()
        .map(|(span, message)| DiagnosticRelatedInformation {
            location: Location { uri: uri.clone(), range: lines.range(span) },
            message,
        })
        .collect();
    Diagnostic {
        range: lines.range(found.span),
        severity: Some(match found.level {
            Level::Error => DiagnosticSeverity::ERROR,
            Level::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(found.code.to_owned())),
        source: Some("squall".to_owned()),
        message,
        related_information: (!others.is_empty()).then_some(others),
        ..Diagnostic::default()
    }
}
