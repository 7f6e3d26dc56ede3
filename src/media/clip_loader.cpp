#include "media/clip_loader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/crypto.hpp"
#include "http/url.hpp"
#include "media/audio_file.hpp"
#include "media/speech.hpp"
#include "rtp/g711.hpp"

namespace nearend::media {
namespace {

constexpr std::chrono::seconds load_deadline{60};

Result<Clip> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(Error::Kind::not_found, "file {} cannot be read", path);
  const auto size = file.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > ClipLoader::body_max * 8)
    return fail(Error::Kind::invalid, "file {} is too long", path);
  std::string bytes(static_cast<size_t>(size), '\0');
  file.seekg(0);
  file.read(bytes.data(), size);
  return decode_audio(bytes);
}

/// Keeps spoken text on disk: raw 8 kHz mu-law under the hash of what was said. Failing to is no fault of the call's.
void keep_on_disk(const std::string& path, const Clip& clip) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const std::string half = path + ".part";
  {
    std::ofstream file(half, std::ios::binary | std::ios::trunc);
    std::string bytes(clip.samples.size(), '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(rtp::encode_ulaw(clip.samples[i]));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file) return;
  }
  std::filesystem::rename(half, path, error);
}

std::optional<Clip> find_on_disk(const std::string& path) {
  if (path.empty()) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream bytes;
  bytes << file.rdbuf();
  Clip clip;
  for (char c : bytes.view()) clip.samples.push_back(rtp::decode_ulaw(static_cast<uint8_t>(c)));
  return clip;
}

Result<Clip> speak_or_find(const Source& source, const std::string& path) {
  if (auto found = find_on_disk(path)) return std::move(*found);
  auto clip = speak(source.value, source.voice, source.language);
  if (clip && !path.empty()) keep_on_disk(path, *clip);
  return clip;
}

}  // namespace

ClipLoader::ClipLoader(io::Loop& loop, http::Client* client, Worker& worker, NodeSettings settings)
    : loop_(loop), client_(client), worker_(worker), settings_(std::move(settings)), cache_(settings_.cache_bytes) {}

std::string ClipLoader::key_of(const Source& source) {
  if (source.kind == Source::Kind::speech)
    return "speech\n" + source.language + "\n" + source.voice + "\n" + source.value;
  return (source.kind == Source::Kind::file ? "file\n" : "url\n") + source.value;
}

std::string ClipLoader::file_of(const Source& source) const {
  if (settings_.cache.empty()) return {};
  return settings_.cache + "/speech/" + hash_hex(HashKind::sha256, key_of(source)) + ".ul";
}

ClipPtr ClipLoader::cached(const Source& source) {
  const auto* entry = cache_.find(key_of(source));
  if (!entry) return nullptr;
  const bool is_fresh = source.kind == Source::Kind::speech ||
                        (entry->freshness.fresh_until && loop_.now() < *entry->freshness.fresh_until);
  return is_fresh ? entry->clip : nullptr;
}

Task<Result<ClipPtr>> ClipLoader::load(Source source) {
  if (ClipPtr clip = cached(source)) co_return clip;
  std::string key = key_of(source);
  if (const auto found = under_way_.find(key); found != under_way_.end()) {
    io::Reply<Result<ClipPtr>> reply(loop_);
    found->second.push_back(reply);
    const io::Instant deadline = loop_.now() + load_deadline;
    auto clip = co_await reply.wait(deadline);
    if (!clip) co_return fail(Error::Kind::timeout, "loading took more than {} s", load_deadline.count());
    co_return std::move(*clip);
  }
  if (under_way_.size() >= loads_max)
    co_return fail(Error::Kind::unavailable, "{} sounds are being loaded already", loads_max);
  under_way_.emplace(key, Waiting());
  auto clip = co_await make(std::move(source), key);
  auto waiting = under_way_.extract(key);
  for (auto& reply : waiting.mapped()) reply.set(clip);
  co_return clip;
}

Task<Result<ClipPtr>> ClipLoader::make(Source source, std::string key) {
  if (source.kind == Source::Kind::url) {
    auto fetched = co_await fetch(std::move(source.value), std::move(key));
    co_return fetched;
  }
  Making work;
  const bool is_speech = source.kind == Source::Kind::speech;
  if (is_speech)
    work = [path = file_of(source), source = std::move(source)] { return speak_or_find(source, path); };
  else
    work = [path = source.value] { return read_file(path); };
  auto made = co_await on_worker(std::move(work));
  if (made && is_speech) cache_.put(key, *made, {});
  co_return made;
}

Task<Result<ClipPtr>> ClipLoader::fetch(std::string url, std::string key) {
  if (!client_) co_return fail(Error::Kind::unsupported, "this media node fetches no URLs");
  http::Headers headers;
  ClipPtr kept;
  Freshness old;
  if (const auto* known = cache_.find(key)) {  // copied: the entry may leave the cache while we wait
    kept = known->clip;
    old = known->freshness;
  }
  if (!old.etag.empty()) headers.emplace_back("If-None-Match", old.etag);
  if (!old.last_modified.empty()) headers.emplace_back("If-Modified-Since", old.last_modified);
  const std::string name = url.substr(0, url.find('?'));  // what follows may be secret
  auto response = co_await request(std::move(url), std::move(headers));
  if (!response) co_return fail(response.error().kind, "{}: {}", name, response.error().text);
  Freshness freshness = read_freshness(response->headers, loop_.now());
  if (response->status == 304 && kept) {
    if (freshness.etag.empty()) freshness.etag = std::move(old.etag);
    if (freshness.last_modified.empty()) freshness.last_modified = std::move(old.last_modified);
    cache_.put(key, kept, std::move(freshness));
    co_return kept;
  }
  if (response->status != 200)
    co_return fail(Error::Kind::not_found, "{}: the server answered {}", name, response->status);
  Making work = [body = std::move(response->body)] { return decode_audio(body); };
  auto clip = co_await on_worker(std::move(work));
  if (!clip) co_return fail(clip.error().kind, "{}: {}", name, clip.error().text);
  if (freshness.may_store) cache_.put(key, *clip, std::move(freshness));
  co_return clip;
}

Task<Result<http::Response>> ClipLoader::request(std::string url, http::Headers headers) {
  for (int hop = 0; hop <= redirects_max; ++hop) {
    auto parsed = http::parse_url(url);
    if (!parsed) co_return pass(parsed);
    if (parsed->scheme != "http" && parsed->scheme != "https")
      co_return fail(Error::Kind::refused, "URL scheme {}: http and https are possible", parsed->scheme);
    http::Request request{.url = url,
                          .headers = headers,
                          .body_limit = body_max,
                          .may_reach_internal = settings_.may_reach_internal,
                          .pool = "media"};
    request.total_timeout = std::chrono::milliseconds(30'000);
    auto response = co_await client_->send(std::move(request));
    if (!response) co_return pass(response);
    const bool is_redirect = response->status == 301 || response->status == 302 || response->status == 303 ||
                             response->status == 307 || response->status == 308;
    if (!is_redirect) co_return response;
    auto next = http::resolve_url(*parsed, http::find_header(response->headers, "Location"));
    if (!next) co_return pass(next);
    url = next->to_string();
  }
  co_return fail(Error::Kind::refused, "more than {} redirects", redirects_max);
}

Task<Result<ClipPtr>> ClipLoader::on_worker(Making work) {
  io::Reply<Result<ClipPtr>> reply(loop_);
  worker_.submit(++lane_, [work = std::move(work), reply]() mutable -> Worker::Completion {
    auto made = work();
    Result<ClipPtr> clip = fail(Error::Kind::internal, "no sound");
    if (made)
      clip = std::make_shared<const Clip>(std::move(*made));
    else
      clip = pass(made);
    return [reply, clip = std::move(clip)]() mutable { reply.set(std::move(clip)); };
  });
  const io::Instant deadline = loop_.now() + load_deadline;
  auto clip = co_await reply.wait(deadline);
  if (!clip) co_return fail(Error::Kind::timeout, "making the sound took more than {} s", load_deadline.count());
  co_return std::move(*clip);
}

}  // namespace nearend::media
