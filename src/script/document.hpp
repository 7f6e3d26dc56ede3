#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "markup/element.hpp"

namespace nearend::script {

/// Something that goes to the customer with a number: what was wrong with a document or its retrieval.
struct Failure {
  int code = 0;
  std::string text;
};

/// A document in control of a call, and where it came from. `text` is what the capsule keeps: read again it gives
/// `root`.
struct Document {
  std::string url;
  std::string text;
  markup::Element root;

  /// The verb at `index`, counted without the text between them, or null at the end.
  const markup::Element* verb(size_t index) const;
};

/// Reads an answer by its MIME type: text/xml, application/xml, text/html (and none) are TwiML; audio/* becomes a
/// document that plays the URL; text/plain is TwiML if it is valid, otherwise a document that reads the text aloud.
/// Anything else fails with 12300, a broken document with 12100. Pure.
std::expected<Document, Failure> read_document(std::string_view url, std::string_view content_type,
                                               std::string_view body);

/// Reads TwiML that is known to be TwiML.
std::expected<Document, Failure> read_twiml(std::string_view url, std::string_view body);

/// The document that says an application error has happened, run when everything else failed.
Document apology();

}  // namespace nearend::script
