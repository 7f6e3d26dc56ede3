#include "gateway/recording_outbox.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/ids.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

constexpr size_t line_max = 4096;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

/// An entry's file is one line: "arrived" or "owed", a blank, the URL.
std::optional<RecordingOutbox::Entry> read_entry(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  if (!file) return std::nullopt;
  std::string text(line_max, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  const size_t blank = text.find(' ');
  if (blank == std::string::npos) return std::nullopt;
  const bool is_arrived = text.starts_with("arrived");
  return RecordingOutbox::Entry{.events_url = text.substr(blank + 1),
                                .state = is_arrived ? RecordingOutbox::State::arrived : RecordingOutbox::State::ended};
}

}  // namespace

RecordingOutbox::RecordingOutbox(std::string directory) : directory_(std::move(directory)) {
  if (directory_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  for (const auto& file : std::filesystem::directory_iterator(directory_, error)) {
    const std::string sid = file.path().filename().string();
    if (!is_sid("RE", sid)) continue;
    if (auto entry = read_entry(file.path().string())) entries_[sid] = std::move(*entry);
  }
}

void RecordingOutbox::write(const std::string& sid, const Entry& entry) const {
  if (directory_.empty()) return;
  const std::string path = directory_ + "/" + sid;
  const std::string fresh = path + ".new";
  {
    const File file(std::fopen(fresh.c_str(), "we"));
    const std::string line = (entry.state == State::arrived ? "arrived " : "owed ") + entry.events_url;
    if (!file || std::fwrite(line.data(), 1, line.size(), file.get()) != line.size())
      return telemetry::error("recording's way to the router not written", {{"recording", sid}});
  }
  std::error_code error;
  std::filesystem::rename(fresh, path, error);
  if (error) telemetry::error("recording's way to the router not written", {{"recording", sid}});
}

void RecordingOutbox::put(const std::string& sid, Entry entry) {
  write(sid, entry);
  entries_[sid] = std::move(entry);
}

void RecordingOutbox::erase(const std::string& sid) {
  entries_.erase(sid);
  std::error_code error;
  if (!directory_.empty()) std::filesystem::remove(directory_ + "/" + sid, error);
}

const RecordingOutbox::Entry* RecordingOutbox::find(const std::string& sid) const {
  const auto found = entries_.find(sid);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace nearend::gateway
