#include "gateway/file_journal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "io/new_sid.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

constexpr size_t waiting_bytes_max = 64 << 20;
constexpr uint64_t restart_size = 64 << 20;
constexpr size_t line_bytes_max = 16 << 10;
constexpr size_t read_bytes = 256 << 10;
constexpr std::chrono::milliseconds retry_pause{200};
constexpr std::chrono::milliseconds sync_interval{10};  // at most one fdatasync in this time
constexpr std::chrono::milliseconds linger{20};         // what nobody waits for is written with what somebody does
constexpr std::chrono::seconds alive_interval{1};
constexpr std::string_view alive_kind = "alive";

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

/// What a journal that is opened says about the time before.
struct Past {
  uint64_t length = 0;                           ///< Where the good records end: the first torn or altered line.
  int64_t last_ms = 0;                           ///< When the process was last alive.
  std::unordered_map<std::string, Record> open;  ///< Legs without an end: their answer, or their start.
};

void learn(Past& past, Record record) {
  past.last_ms = std::max(past.last_ms, record.event.at_ms);
  if (record.event.kind == "end") past.open.erase(record.event.leg);
  if (record.event.kind == "start" || record.event.kind == "answer")
    past.open.insert_or_assign(record.event.leg, std::move(record));
}

Result<Past> read_past(int descriptor, const std::string& path) {
  Past past;
  for (;;) {
    const auto bytes = read_at(descriptor, path, past.length, read_bytes);
    if (!bytes) return std::unexpected(bytes.error());
    size_t at = 0;
    for (size_t end = bytes->find('\n'); end != std::string::npos; end = bytes->find('\n', at)) {
      auto record = parse_line(std::string_view(*bytes).substr(at, end - at));
      if (!record && record.error().kind == Error::Kind::malformed) {
        past.length += at;
        return past;
      }
      if (record) learn(past, std::move(*record));
      at = end + 1;
    }
    if (at == 0) return past;
    past.length += at;
  }
}

/// The end of a leg whose gateway died: at the last sign of life, not at the restart (invariant I6).
Record end_of_orphan(io::Loop& loop, const Record& last, int64_t last_ms) {
  Record end = last;
  const bool is_answered = last.event.kind == "answer";
  const int64_t talked_ms = is_answered ? std::max<int64_t>(0, last_ms - last.event.at_ms) : 0;
  end.event.id = io::new_sid(loop, "EV");
  end.event.kind = "end";
  end.event.at_ms = std::max(last_ms, last.event.at_ms);
  end.event.detail =
      fmt::format(R"({{"status":500,"cause":"gateway restarted","by":"gateway","answered":{},"duration_ms":{}}})",
                  is_answered, talked_ms);
  return end;
}

Record sign_of_life() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Record record;
  record.event.id = "alive";
  record.event.kind = alive_kind;
  record.event.at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return record;
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
  const auto past = read_past(descriptor, path);
  if (!past || ::fstat(descriptor, &facts) != 0) {
    ::close(descriptor);
    return fail(Error::Kind::unavailable, "{}", past ? system_error("stat", path) : past.error().text);
  }
  const uint64_t cut = static_cast<uint64_t>(facts.st_size) - past->length;
  if (cut > 0) {
    telemetry::warn("journal cut at its last good record", {{"path", path}, {"bytes", cut}});
    if (::ftruncate(descriptor, static_cast<off_t>(past->length)) != 0) {
      ::close(descriptor);
      return fail(Error::Kind::unavailable, "{}", system_error("truncate", path));
    }
  }
  std::unique_ptr<FileJournal> journal(new FileJournal(loop, std::move(path), descriptor, past->length, cut));
  for (const auto& [leg, last] : past->open) journal->append(end_of_orphan(loop, last, past->last_ms));
  return journal;
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
  bool is_wake_needed = false;
  const int64_t legs_more = record.event.kind == "start" ? 1 : record.event.kind == "end" ? -1 : 0;
  {
    const std::scoped_lock lock(mutex_);
    legs_open_ = std::max<int64_t>(0, legs_open_ + legs_more);
    is_wake_needed = rest_ == Rest::until_any || (on_durable && rest_ == Rest::until_urgent);
    if (is_wake_needed) rest_ = Rest::none;
    if (waiting_.lines.size() + line.size() > waiting_bytes_max)
      telemetry::counter("nearend_gateway_journal_lines_lost_total").add();
    else
      waiting_.lines += line;
    if (on_durable) waiting_.on_durable.push_back(std::move(on_durable));
  }
  if (is_wake_needed) wake_.notify_one();
}

/// What a caller waits for is written at once, or a little later with what comes meanwhile if a sync was just done; all
/// else waits longer for company.
void FileJournal::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto is_told = [this] { return is_stopping_ || is_restart_wanted_; };
  const auto is_urgent = [&] { return is_told() || !waiting_.on_durable.empty(); };
  const auto has_lines = [&] { return is_urgent() || !waiting_.lines.empty(); };
  rest_ = Rest::until_any;
  if (legs_open_ == 0)
    wake_.wait(lock, has_lines);
  else if (!wake_.wait_until(lock, written_at_ + alive_interval, has_lines))
    waiting_.lines = to_line(sign_of_life()) + "\n";
  rest_ = Rest::until_urgent;
  (void)wake_.wait_for(lock, linger, is_urgent);
  rest_ = Rest::none;
  (void)wake_.wait_until(lock, written_at_ + sync_interval, is_told);
}

/// The journal's own thread.
void FileJournal::run() {
  Waiting batch;  // its memory serves again and again
  for (;;) {
    batch.lines.clear();
    {
      std::unique_lock lock(mutex_);
      wait_for_work(lock);
      std::swap(batch, waiting_);
      if (is_stopping_ && batch.lines.empty()) return;
      if (std::exchange(is_restart_wanted_, false) && batch.lines.empty()) restart_if_shipped();
    }
    const bool is_written = batch.lines.empty() || write_out(batch.lines);
    if (!batch.lines.empty()) written_at_ = std::chrono::steady_clock::now();
    if (!batch.on_durable.empty())
      loop_.post([alive = std::weak_ptr(alive_), run = std::exchange(batch.on_durable, {})]() mutable {
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
  telemetry::counter("nearend_gateway_journal_writes_failed_total").add();
  telemetry::error("journal not written", {{"path", path_}, {"error", std::strerror(errno)}});
  if (::ftruncate(descriptor_, before) != 0) telemetry::error("journal not taken back", {{"path", path_}});
  std::this_thread::sleep_for(retry_pause);
  return false;
}

/// With the lock held and nothing waiting. Not while legs are open: a crash would find them nowhere.
void FileJournal::restart_if_shipped() {
  if (shipped_ != durable_ || legs_open_ > 0) return;
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
    auto line = read_written_line(std::string_view(*bytes).substr(at, end - at));
    if (line && line->kind != alive_kind) batch.records.push_back(std::move(*line));
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
