#include "media/film_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "media/recording_file.hpp"
#include "media/sound_coder.hpp"

namespace nearend::media {
namespace {

constexpr uint8_t sound_track = 1;
// Pictures may lie before the sound that came with them: so long a block waits for those before it.
constexpr int64_t hold_ms = 400;
constexpr int64_t cluster_ms_max = 5000, cluster_ms_min = 1000;

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

FilmFile::FilmFile(Settings settings)
    : settings_(std::move(settings)), path_(settings_.path + std::string(unfinished_ending)) {
  for (auto& needs : needs_key_) needs = true;
}

FilmFile::~FilmFile() {
  if (file_ >= 0) ::close(file_);
}

Result<void> FilmFile::open() {
  auto coder = SoundCoder::make(settings_.channels);
  if (!coder) return pass(coder);
  coder_ = std::move(*coder);
  tracks_.push_back({.number = sound_track,
                     .channels = settings_.channels,
                     .is_uncoupled = settings_.channels > 1,
                     .delay_ticks = coder_->delay_ticks(),
                     .id = uint64_t{settings_.seed} << 8 | sound_track});
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (file_ < 0) return fail(Error::Kind::internal, "recording {}: {}", path_, std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0 || ::ftruncate(file_, 0) != 0)
    return fail(Error::Kind::internal, "recording {}: {}", path_, std::strerror(errno));
  size_ = matroska::head_size;
  return write_head(nullptr);
}

Result<void> FilmFile::put_at(uint64_t at, std::string_view bytes) {
  const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at));
  const int error = errno;
  if (written == static_cast<ssize_t>(bytes.size())) return {};
  return fail(Error::Kind::unavailable, "recording {}: {}", settings_.path,
              written < 0 ? std::strerror(error) : "disk full");
}

Result<void> FilmFile::write_head(const matroska::Ending* ending) {
  auto head = matroska::make_head(tracks_, ending);
  if (!head) return pass(head);
  return put_at(0, *head);
}

Result<void> FilmFile::write(const FilmPiece& piece) {
  if (has_failed_) return fail(Error::Kind::unavailable, "recording {} has failed before", settings_.path);
  Result<void> done{};
  if (file_ < 0) done = open();
  if (done) done = take_sound(piece);
  for (size_t i = 0; i < std::min(piece.lines.size(), lines_max) && done; ++i) done = take_pictures(piece, i);
  length_ms_ = std::max(length_ms_, piece.until_ms);
  if (done) done = put_blocks(piece.is_last ? piece.until_ms : piece.until_ms - hold_ms);
  if (piece.is_last) waiting_.clear();  // the recording ends before them
  if (done) done = write_tail();
  has_failed_ = !done.has_value();
  return done;
}

Result<void> FilmFile::take_sound(const FilmPiece& piece) {
  const auto keep = [&](int64_t at_ms, std::span<const uint8_t> frame) {
    waiting_.push_back(
        {.at_ms = at_ms, .order = ++blocks_, .track = sound_track, .bytes = {frame.begin(), frame.end()}});
  };
  for (const auto& run : piece.runs)
    if (auto coded = coder_->code(run.first, run.samples, keep); !coded) return coded;
  // What follows comes coded: the frame that was begun ends here, not when coding goes on.
  if (!piece.sounds.empty())
    if (auto ended = coder_->finish(keep); !ended) return ended;
  for (const auto& sound : piece.sounds) {
    const auto bytes = std::span(piece.sound_bytes).subspan(sound.begin, sound.size);
    keep(sound.at_us / 1000, bytes);
    const bool is_stereo = !bytes.empty() && (bytes[0] & 4) != 0;  // RFC 6716 3.1
    if (!is_stereo || tracks_.front().channels > 1) continue;
    tracks_.front().channels = 2;
    if (auto written = write_head(nullptr); !written) return written;
  }
  return piece.is_last ? coder_->finish(keep) : Result<void>{};
}

Result<void> FilmFile::take_pictures(const FilmPiece& piece, size_t index) {
  const FilmPiece::Line& line = piece.lines[index];
  auto& pictures = pictures_[index];
  if (line.kind == codec::PictureKind::none) return {};
  // A track keeps its codec: what comes in another one later on cannot be in it.
  if (!pictures) pictures.emplace(codec::PictureFrames(line.kind));
  if (pictures->frames.kind() != line.kind) return {};
  if (line.begins_anew) pictures->frames.begin_anew();
  for (const auto& packet : line.packets) {
    const auto bytes = std::span(line.bytes).subspan(packet.begin, packet.size);
    pictures->frames.add({.sequence = packet.sequence,
                          .timestamp = packet.timestamp,
                          .marker = packet.marker,
                          .came_ms = packet.came_ms,
                          .position_us = packet.position_us,
                          .payload = {bytes.begin(), bytes.end()}});
  }
  std::vector<codec::Picture> whole;
  pictures->frames.take(piece.now_ms, piece.is_last, whole);
  needs_key_[index] = pictures->frames.needs_key();
  for (auto& picture : whole)
    if (auto added = add_picture(*pictures, std::move(picture)); !added) return added;
  return {};
}

Result<void> FilmFile::add_picture(Pictures& pictures, codec::Picture picture) {
  if (pictures.track == 0) {
    pictures.track = static_cast<uint8_t>(tracks_.size() + 1);
    tracks_.push_back({.number = pictures.track,
                       .pictures = pictures.frames.kind(),
                       .size = picture.size,
                       .configuration = pictures.frames.configuration(),
                       .id = uint64_t{settings_.seed} << 8 | pictures.track});
    if (auto written = write_head(nullptr); !written) return written;
  }
  waiting_.push_back({.at_ms = picture.position_us / 1000,
                      .order = ++blocks_,
                      .track = pictures.track,
                      .is_key = picture.is_key,
                      .bytes = std::move(picture.bytes)});
  return {};
}

Result<void> FilmFile::put_blocks(int64_t until_ms) {
  std::ranges::sort(waiting_, {}, [](const Block& block) { return std::pair(block.at_ms, block.order); });
  size_t done = 0;
  Result<void> put{};
  for (; put && done < waiting_.size() && waiting_[done].at_ms < until_ms; ++done) put = put_block(waiting_[done]);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(done));
  return put;
}

Result<void> FilmFile::put_block(const Block& block) {
  const int64_t at = std::max<int64_t>(0, block.at_ms);
  const bool is_picture = block.track != sound_track;
  const int64_t since = at - cluster_ms_;
  const bool is_key_picture = is_picture && block.is_key;
  if (!has_cluster_ || since >= cluster_ms_max || (is_key_picture && since >= cluster_ms_min)) {
    if (auto begun = begin_cluster(at); !begun) return begun;
  }
  if (is_key_picture && (cues_.empty() || cues_.back().cluster_at != cluster_at_ || cues_.back().track != block.track))
    cues_.push_back({.time_ms = static_cast<uint64_t>(at), .cluster_at = cluster_at_, .track = block.track});
  // What comes later than it can be placed stands at the cluster's beginning.
  const int64_t offset = std::max<int64_t>(0, at - cluster_ms_);
  matroska::put_block(tail_, block.track, static_cast<int16_t>(offset), block.is_key, text_of(block.bytes));
  return {};
}

Result<void> FilmFile::begin_cluster(int64_t at_ms) {
  if (auto ended = end_cluster(); !ended) return ended;
  cluster_at_ = size_ + tail_.size();
  cluster_ms_ = at_ms;
  has_cluster_ = true;
  tail_ += matroska::begin_cluster(static_cast<uint64_t>(at_ms));
  return {};
}

Result<void> FilmFile::end_cluster() {
  if (!std::exchange(has_cluster_, false)) return {};
  if (auto written = write_tail(); !written) return written;
  const uint64_t body = size_ - cluster_at_ - matroska::cluster_body_at;
  return put_at(cluster_at_ + matroska::cluster_size_at, matroska::wide_size(body));
}

Result<void> FilmFile::write_tail() {
  if (tail_.empty()) return {};
  if (auto written = put_at(size_, tail_); !written) return written;
  size_ += tail_.size();
  tail_.clear();
  return {};
}

Result<void> FilmFile::finish() {
  if (auto ended = end_cluster(); !ended) return ended;
  matroska::Ending ending{.duration_ms = static_cast<double>(length_ms_)};
  if (!cues_.empty()) {
    ending.cues_at = size_;
    tail_ = matroska::make_cues(cues_);
    if (auto written = write_tail(); !written) return written;
  }
  ending.size = size_;
  return write_head(&ending);
}

milliseconds FilmFile::close() {
  if (file_ < 0 && !has_failed_) has_failed_ = !open();
  if (file_ < 0) return milliseconds(0);
  if (!has_failed_) has_failed_ = !put_blocks(INT64_MAX);
  if (!has_failed_) has_failed_ = !finish();
  milliseconds length(length_ms_);
  // What a full disk has cut short is ended as what a crash has left.
  if (has_failed_) length = make_whole(file_, FileFormat::matroska).value_or(milliseconds(0));
  if (::rename(path_.c_str(), settings_.path.c_str()) != 0) length = milliseconds(0);
  ::close(file_);
  file_ = -1;
  return length;
}

}  // namespace nearend::media
