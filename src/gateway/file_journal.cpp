#include "gateway/file_journal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

constexpr size_t waiting_bytes_max = 64 << 20;
constexpr uint64_t restart_size = 64 << 20;
constexpr size_t line_bytes_max = 16 << 10;
constexpr size_t read_bytes = 256 << 10;
constexpr std::chrono::milliseconds retry_pause{200};

std::string system_error(std::string_view what, const std::string& path) {
  return fmt::format("journal {}: {}: {}", path, what, std::strerror(errno));
}

/// At most `length` bytes from `offset`.
Result<std::string> read_at(int descriptor, const std::string& path, uint64_t offset, size_t length) {
  std::string bytes(length, '\0');
  const ssize_t got = ::pread(descriptor, bytes.data(), length, static_cast<off_t>(offset));
  if (got < 0) return fail(Error::Kind::internal, "{}", system_error("read", path));
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

/// Where the good records end: the first line that is torn or does not match its checksum.
Result<uint64_t> good_length(int descriptor, const std::string& path) {
  uint64_t offset = 0;
  for (;;) {
    const auto bytes = read_at(descriptor, path, offset, read_bytes);
    if (!bytes) return std::unexpected(bytes.error());
    size_t at = 0;
    for (size_t end = bytes->find('\n'); end != std::string::npos; end = bytes->find('\n', at)) {
      if (!parse_line(std::string_view(*bytes).substr(at, end - at))) return offset + at;
      at = end + 1;
    }
    if (at == 0) return offset;
    offset += at;
  }
}

uint64_t read_cursor(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return 0;
  const auto text = read_at(descriptor, path, 0, 32);
  ::close(descriptor);
  return text ? parse_unsigned(trim(*text)).value_or(0) : 0;
}

}  // namespace

Result<std::unique_ptr<FileJournal>> FileJournal::open(io::Loop& loop, std::string path) {
  const int descriptor = path.empty()
                             ? ::memfd_create("journal", MFD_CLOEXEC)
                             : ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (descriptor < 0) return fail(Error::Kind::unavailable, "{}", system_error("open", path));
  struct stat facts{};
  const auto good = good_length(descriptor, path);
  if (!good || ::fstat(descriptor, &facts) != 0) {
    ::close(descriptor);
    return fail(Error::Kind::unavailable, "{}", good ? system_error("stat", path) : good.error().text);
  }
  const uint64_t cut = static_cast<uint64_t>(facts.st_size) - *good;
  if (cut > 0) {
    telemetry::warn("journal cut at its last good record", {{"path", path}, {"bytes", cut}});
    if (::ftruncate(descriptor, static_cast<off_t>(*good)) != 0) {
      ::close(descriptor);
      return fail(Error::Kind::unavailable, "{}", system_error("truncate", path));
    }
  }
  return std::unique_ptr<FileJournal>(new FileJournal(loop, std::move(path), descriptor, *good, cut));
}

FileJournal::FileJournal(io::Loop& loop, std::string path, int descriptor, uint64_t size, uint64_t cut)
    : loop_(loop), path_(std::move(path)), descriptor_(descriptor), cut_(cut), durable_(size) {
  const uint64_t cursor = path_.empty() ? 0 : read_cursor(path_ + ".shipped");
  shipped_ = cursor <= size ? cursor : 0;  // a journal begun anew: what is in it was not shipped
  thread_ = std::thread([this] { run(); });
}

FileJournal::~FileJournal() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  ::close(descriptor_);
}

void FileJournal::append(Record record, io::Callback on_durable) {
  std::string line = to_line(record);
  line += '\n';
  bool is_first = false;
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_.lines.size() + line.size() > waiting_bytes_max) {
      telemetry::counter("nearend_gateway_journal_lines_lost").add();
    } else {
      is_first = waiting_.lines.empty();
      waiting_.lines += line;
    }
    if (on_durable) waiting_.on_durable.push_back(std::move(on_durable));
  }
  if (is_first) wake_.notify_one();
}

/// The journal's own thread.
void FileJournal::run() {
  for (;;) {
    Waiting batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] {
        return is_stopping_ || is_restart_wanted_ || !waiting_.lines.empty() || !waiting_.on_durable.empty();
      });
      std::swap(batch, waiting_);
      if (is_stopping_ && batch.lines.empty()) return;
      if (std::exchange(is_restart_wanted_, false) && batch.lines.empty()) restart_if_shipped();
    }
    const bool is_written = batch.lines.empty() || write_out(batch.lines);
    if (!batch.on_durable.empty())
      loop_.post([alive = std::weak_ptr(alive_), run = std::move(batch.on_durable)]() mutable {
        if (alive.expired()) return;
        for (auto& one : run) one();
      });
    const std::scoped_lock lock(mutex_);
    if (is_written)
      durable_ += batch.lines.size();
    else
      waiting_.lines.insert(0, batch.lines);
    if (!is_written && is_stopping_) return;
  }
}

/// All or nothing: a part that was written before the disk was full is taken back.
bool FileJournal::write_out(std::string_view lines) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  size_t written = 0;
  while (written < lines.size()) {
    const ssize_t now = ::write(descriptor_, lines.data() + written, lines.size() - written);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) break;
    written += static_cast<size_t>(now);
  }
  if (written == lines.size() && ::fdatasync(descriptor_) == 0) return true;
  telemetry::counter("nearend_gateway_journal_writes_failed").add();
  telemetry::error("journal not written", {{"path", path_}, {"error", std::strerror(errno)}});
  if (::ftruncate(descriptor_, before) != 0) telemetry::error("journal not taken back", {{"path", path_}});
  std::this_thread::sleep_for(retry_pause);
  return false;
}

/// With the lock held and nothing waiting.
void FileJournal::restart_if_shipped() {
  if (shipped_ != durable_) return;
  // The cursor first: a crash in between ships everything once more, which is harmless.
  if (!write_cursor(0) || ::ftruncate(descriptor_, 0) != 0) return;
  durable_ = 0;
  shipped_ = 0;
}

Result<FileJournal::Batch> FileJournal::read(uint64_t offset, size_t records_max) const {
  uint64_t durable = 0;
  {
    const std::scoped_lock lock(mutex_);
    durable = durable_;
  }
  Batch batch{.next = offset};
  if (offset >= durable) return batch;
  const auto bytes = read_at(descriptor_, path_, offset, std::min<uint64_t>(read_bytes, durable - offset));
  if (!bytes) return std::unexpected(bytes.error());
  size_t at = 0;
  for (size_t end = bytes->find('\n'); end != std::string::npos && batch.records.size() < records_max;
       end = bytes->find('\n', at)) {
    if (auto record = parse_line(std::string_view(*bytes).substr(at, end - at)))
      batch.records.push_back(std::move(*record));
    else
      telemetry::error("journal line cannot be read", {{"path", path_}, {"offset", offset + at}});
    at = end + 1;
  }
  // A line that does not fit is longer than any we write: skip what is there.
  batch.next = at == 0 && bytes->size() >= line_bytes_max ? offset + bytes->size() : offset + at;
  return batch;
}

Result<void> FileJournal::write_cursor(uint64_t offset) const {
  if (path_.empty()) return {};
  const std::string path = path_ + ".shipped";
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (descriptor < 0) return fail(Error::Kind::internal, "{}", system_error("open", path));
  const std::string text = fmt::format("{:020}\n", offset);  // of one length, so that it is replaced in place
  const bool is_written = ::pwrite(descriptor, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  ::close(descriptor);
  if (!is_written) return fail(Error::Kind::internal, "{}", system_error("write", path));
  return {};
}

void FileJournal::set_shipped(uint64_t offset) {
  shipped_ = offset;
  if (auto written = write_cursor(offset); !written)
    telemetry::warn("shipping cursor not written", {{"error", written.error().text}});
  if (offset < restart_size) return;
  {
    const std::scoped_lock lock(mutex_);
    is_restart_wanted_ = true;
  }
  wake_.notify_one();
}

bool FileJournal::has_unshipped() const {
  const std::scoped_lock lock(mutex_);
  return shipped_ < durable_;
}

}  // namespace nearend::gateway
