#include "media/speech.hpp"

#include <fcntl.h>
#include <flite/flite.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <mutex>
#include <string>

#include "base/text.hpp"
#include "media/audio_file.hpp"

extern "C" cst_voice* register_cmu_us_slt(const char* directory);
extern "C" char** environ;

namespace nearend::media {
namespace {

constexpr size_t speech_bytes_max = size_t{64} << 20;
constexpr std::chrono::seconds speech_deadline{20};

Result<Clip> speak_with_flite(const std::string& text) {
  static std::mutex one_at_a_time;  // flite keeps its state in globals
  const std::lock_guard lock(one_at_a_time);
  static cst_voice* voice = [] {
    flite_init();
    return register_cmu_us_slt(nullptr);
  }();
  cst_wave* wave = flite_text_to_wave(text.c_str(), voice);
  if (!wave) return fail(Error::Kind::internal, "flite made no sound");
  Clip clip{
      resample({wave->samples, static_cast<size_t>(wave->num_samples)}, static_cast<uint32_t>(wave->sample_rate))};
  delete_wave(wave);
  return clip;
}

struct Channel {
  int read = -1, write = -1;
  /// A pair of sockets rather than a pipe: writing to a process that has died must not raise SIGPIPE.
  bool open() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  ~Channel() {
    close_end(read);
    close_end(write);
  }
};

/// Reads to the end, or until the process has said too much or taken too long.
std::string read_all(int from) {
  std::string out;
  const auto deadline = std::chrono::steady_clock::now() + speech_deadline;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{.fd = from, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
    char block[16384];
    const ssize_t got = ::read(from, block, sizeof(block));
    if (got <= 0 || out.size() + static_cast<size_t>(got) > speech_bytes_max) break;
    out.append(block, static_cast<size_t>(got));
  }
  return out;
}

Result<Clip> speak_with_espeak(const std::string& text, const std::string& voice) {
  Channel in, out;
  if (!in.open() || !out.open()) return fail(Error::Kind::unavailable, "no descriptors left for espeak-ng");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  // The text goes in by standard input: it is a customer's and must not be read as an option.
  std::string program = "espeak-ng", as_wav = "--stdout", from_input = "--stdin", choose = "-v", name = voice,
              encoding = "-b", utf8 = "1";
  char* arguments[] = {program.data(), as_wav.data(),   from_input.data(), choose.data(),
                       name.data(),    encoding.data(), utf8.data(),       nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "espeak-ng", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) return fail(Error::Kind::unavailable, "espeak-ng cannot be started; it speaks all languages but English");
  Channel::close_end(in.read);
  Channel::close_end(out.write);
  // 4 KiB at most: the socket takes them without a reader.
  const ssize_t written = ::send(in.write, text.data(), text.size(), MSG_NOSIGNAL);
  Channel::close_end(in.write);
  const std::string sound = written < 0 ? std::string() : read_all(out.read);
  Channel::close_end(out.read);
  ::kill(child, SIGKILL);  // no-op after its normal end; it is ours until waited for
  int status = 0;
  ::waitpid(child, &status, 0);
  auto clip = decode_wav(sound);
  if (!clip) return fail(Error::Kind::unsupported, "espeak-ng has no voice \"{}\" or made no sound", voice);
  return clip;
}

/// "de-DE" and the voice "woman" become "de+f2"; only letters, digits and - get through.
std::string espeak_voice(std::string_view voice, std::string_view language) {
  std::string name;
  for (char c : language.substr(0, 16))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')
      name += c;
    else if (c >= 'A' && c <= 'Z')
      name += ascii_lower(c);
  const std::string primary = name.substr(0, name.find('-'));
  // Those that espeak-ng tells apart by region; for all others the region would only fail to be found.
  static constexpr std::string_view regional[] = {"en-us", "en-gb", "es-419", "pt-br", "fr-be", "fr-ch", "zh-yue"};
  if (std::find(std::begin(regional), std::end(regional), name) == std::end(regional)) name = primary;
  if (primary == "zh" && name != "zh-yue") name = "cmn";
  if (primary == "yue") name = "yue";
  if (primary == "no") name = "nb";
  if (equal_ignoring_case(voice, "woman") || equal_ignoring_case(voice, "alice")) name += "+f2";
  return name;
}

}  // namespace

Result<Clip> speak(std::string_view text, std::string_view voice, std::string_view language) {
  if (trim(text).empty()) return Clip{};
  if (text.size() > speech_text_max)
    return fail(Error::Kind::invalid, "text of {} bytes, {} are possible", text.size(), speech_text_max);
  const bool is_english = language.empty() || equal_ignoring_case(language.substr(0, 2), "en");
  if (is_english) return speak_with_flite(std::string(text));
  return speak_with_espeak(std::string(text), espeak_voice(voice, language));
}

}  // namespace nearend::media
