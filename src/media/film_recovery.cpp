// Films that are ended by somebody else than their writer.
#include "media/film_recovery.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "media/matroska.hpp"

namespace nearend::media {
namespace {

constexpr uint64_t block_ms = 20;  // what the last block lasts, most likely
constexpr size_t window_size = 64 * 1024;

struct Element {
  uint32_t id = 0;
  uint64_t size = 0;
  uint64_t body = 0;  // offset in the file
  uint64_t end() const { return body + size; }
};

/// Elements of a file, wherever they are; reads in pieces.
class Walker {
 public:
  Walker(int file, uint64_t size) : file_(file), size_(size) {}

  std::optional<Element> at(uint64_t offset) {
    Element found;
    const auto id = number(offset, true);
    if (!id || id->bytes > 4) return std::nullopt;
    const auto size = number(offset + id->bytes, false);
    if (!size) return std::nullopt;
    found.id = static_cast<uint32_t>(id->value);
    const bool is_unknown = size->value == (uint64_t{1} << (7 * size->bytes)) - 1;
    found.size = is_unknown ? matroska::unknown_size : size->value;
    found.body = offset + id->bytes + size->bytes;
    return found;
  }
  /// An unsigned number of `count` bytes, 8 at most.
  std::optional<uint64_t> value(uint64_t offset, uint64_t count) {
    uint64_t all = 0;
    for (uint64_t i = 0; i < std::min<uint64_t>(count, 8); ++i) {
      const auto one = byte(offset + i);
      if (!one) return std::nullopt;
      all = all << 8 | *one;
    }
    return all;
  }
  uint64_t size() const { return size_; }

 private:
  struct Number {
    uint64_t value = 0;
    uint64_t bytes = 0;
  };
  std::optional<uint8_t> byte(uint64_t offset) {
    if (offset >= size_) return std::nullopt;
    if (offset < from_ || offset >= from_ + window_.size()) {
      window_.resize(window_size);
      const ssize_t got = ::pread(file_, window_.data(), window_.size(), static_cast<off_t>(offset));
      window_.resize(got > 0 ? static_cast<size_t>(got) : 0);
      from_ = offset;
      if (window_.empty()) return std::nullopt;
    }
    return window_[offset - from_];
  }
  /// A number of variable length (RFC 8794 4); an id keeps its marker.
  std::optional<Number> number(uint64_t offset, bool is_id) {
    const auto first = byte(offset);
    if (!first || *first == 0) return std::nullopt;
    const auto bytes = static_cast<uint64_t>(std::countl_zero(*first)) + 1;
    const auto all = value(offset, bytes);
    if (!all) return std::nullopt;
    return Number{is_id ? *all : *all & ((uint64_t{1} << (7 * bytes)) - 1), bytes};
  }

  int file_;
  uint64_t size_;
  uint64_t from_ = 0;
  std::vector<uint8_t> window_;
};

struct Found {
  uint64_t info_body = 0;
  uint64_t segment_body = 0;
  uint64_t end = 0;           // behind the last whole block
  uint64_t last_cluster = 0;  // its body; 0: its size is known
  uint64_t last_ms = 0;
  bool has_block = false;
};

/// Goes through a cluster; false where the file ends, or breaks, in it.
bool walk_cluster(Walker& walker, const Element& cluster, Found& found) {
  const bool is_open = cluster.size == matroska::unknown_size;
  const uint64_t until = is_open ? walker.size() : std::min(cluster.end(), walker.size());
  uint64_t at = cluster.body, time = 0;
  while (at < until) {
    const auto child = walker.at(at);
    if (!child) return false;
    const bool is_next = child->id == matroska::cluster || child->id == matroska::cues;
    if (is_open && is_next) return true;
    if (child->size > until || child->end() > until) return false;
    if (child->id == matroska::timestamp) time = walker.value(child->body, child->size).value_or(0);
    if (child->id == matroska::simple_block && child->size > 4) {
      const auto offset = static_cast<int16_t>(walker.value(child->body + 1, 2).value_or(0));
      found.last_ms = std::max(found.last_ms, time + static_cast<uint64_t>(std::max<int16_t>(0, offset)));
      found.has_block = true;
      found.last_cluster = cluster.body;
      found.end = child->end();
    }
    at = child->end();
  }
  return is_open || cluster.end() <= walker.size();
}

std::optional<Found> walk(Walker& walker) {
  const auto head = walker.at(0);
  if (!head || head->id != matroska::ebml || head->size > matroska::head_size) return std::nullopt;
  const auto segment = walker.at(head->end());
  if (!segment || segment->id != matroska::segment) return std::nullopt;
  Found found{.segment_body = segment->body};
  uint64_t at = segment->body;
  while (const auto child = walker.at(at)) {
    if (child->id == matroska::info) found.info_body = child->body;
    if (child->id == matroska::cluster) {
      if (!walk_cluster(walker, *child, found)) break;
      at = child->size == matroska::unknown_size ? found.end : child->end();
      if (at <= child->body) break;  // an open cluster without a block
      continue;
    }
    if (child->size > walker.size() || child->end() > walker.size()) break;
    at = child->end();
    if (child->id == matroska::cues && found.has_block) found.end = at;
  }
  return found;
}

bool put(int file, uint64_t at, std::string_view bytes) {
  return ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at)) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

Result<milliseconds> end_film(int file, uint64_t size) {
  Walker walker(file, size);
  const auto found = walk(walker);
  if (!found || !found->has_block || found->last_ms > uint64_t{1} << 40)
    return fail(Error::Kind::malformed, "Matroska: nothing in it");
  const uint64_t length = found->last_ms + block_ms;
  // A disk that is full takes what is overwritten and what is cut off.
  bool is_done = ::ftruncate(file, static_cast<off_t>(found->end)) == 0;
  const auto cluster_head = walker.at(found->last_cluster - matroska::cluster_body_at);
  if (cluster_head && cluster_head->body == found->last_cluster) {
    const bool is_cut = cluster_head->size == matroska::unknown_size || cluster_head->end() > found->end;
    if (is_cut)
      is_done = is_done && put(file, found->last_cluster - 8, matroska::wide_size(found->end - found->last_cluster));
  }
  is_done = is_done && put(file, found->segment_body - 8, matroska::wide_size(found->end - found->segment_body));
  const auto room = found->info_body ? walker.at(found->info_body) : std::nullopt;
  if (room && room->end() - found->info_body == 11 &&
      (room->id == matroska::void_element || room->id == matroska::duration))
    is_done = is_done && put(file, found->info_body, matroska::duration_element(static_cast<double>(length)));
  if (!is_done) return fail(Error::Kind::unavailable, "Matroska: {}", std::strerror(errno));
  return milliseconds(length);
}

}  // namespace nearend::media
