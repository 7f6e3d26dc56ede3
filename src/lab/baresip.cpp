#include "lab/baresip.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "base/json.hpp"

namespace nearend::lab {
namespace {

using std::chrono::milliseconds;
constexpr uint16_t control_port = 4444;
constexpr uint16_t console_port = 5555;
constexpr size_t marker_frames = 50 * 180;  // three minutes: the phone hangs up when its microphone's file ends
constexpr milliseconds start_limit{8000};

constexpr std::string_view config_text = R"(poll_method epoll
sip_listen {address}:{port}
call_local_timeout 120
call_max_calls 4
audio_buffer 20-160
audio_source aufile,{directory}/microphone.wav
audio_player aubridge,unheard
audio_alert aubridge,unheard
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_txmode thread
rtp_ports 20000-20998
rtcp_mux {mux}
jitter_buffer_delay 3-10
module_path /usr/lib/baresip/modules
module cons.so
module g711.so
module sndfile.so
module aufile.so
module aubridge.so
module srtp.so
module dtls_srtp.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
cons_listen {address}:{console}
ctrl_tcp_listen {address}:{control}
snd_path {directory}
ringback_disabled yes
)";

std::string replaced(std::string text, std::string_view key, std::string_view value) {
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + value.size())) {
    text.replace(at, key.size(), value);
  }
  return text;
}

std::string_view encryption_of(MediaKeys keys) {
  return keys == MediaKeys::none ? "" : keys == MediaKeys::sdes ? ";mediaenc=srtp-mand" : ";mediaenc=dtls_srtp";
}

Result<void> write_settings(const std::filesystem::path& directory, const BaresipSettings& settings,
                            const IpAddress& address) {
  std::string config = replaced(std::string(config_text), "{directory}", directory.string());
  config = replaced(std::move(config), "{address}", address.to_string());
  config = replaced(std::move(config), "{port}", std::to_string(settings.port));
  config = replaced(std::move(config), "{console}", std::to_string(console_port));
  config = replaced(std::move(config), "{control}", std::to_string(control_port));
  config = replaced(std::move(config), "{mux}", settings.keys == MediaKeys::dtls ? "yes" : "no");
  std::ofstream(directory / "config") << config;
  std::ofstream(directory / "accounts") << fmt::format(
      "<sip:{}@{}:{}>;regint=0;answermode={}{}\n", settings.user.empty() ? settings.name : settings.user,
      address.to_string(), settings.port, settings.answers ? "auto" : "manual", encryption_of(settings.keys));
  std::ofstream(directory / "contacts") << "";
  return write_wav(directory / "microphone.wav", marker(settings.voice, marker_frames));
}

// The control connection speaks netstrings: "<length>:<json>,".
std::optional<std::string> take_netstring(std::string& buffer) {
  const size_t colon = buffer.find(':');
  if (colon == std::string::npos) return {};
  const size_t length = std::strtoul(buffer.c_str(), nullptr, 10);
  if (buffer.size() < colon + 1 + length + 1) return {};
  std::string out = buffer.substr(colon + 1, length);
  buffer.erase(0, colon + 1 + length + 1);
  return out;
}

bool receive_into(const Descriptor& socket, std::string& buffer) {
  std::array<char, 4096> bytes;
  const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size > 0) buffer.append(bytes.data(), static_cast<size_t>(size));
  return size > 0;
}

}  // namespace

Result<Baresip> Baresip::start(const Wan& wan, SiteId site, const BaresipSettings& settings,
                               const std::filesystem::path& run_directory) {
  Baresip made;
  made.directory_ = std::filesystem::absolute(run_directory) / settings.name;
  std::filesystem::create_directories(made.directory_);
  if (auto done = write_settings(made.directory_, settings, wan.address(site)); !done) return pass(done);
  auto process = Process::start(
      wan.net(site),
      {.name = settings.name, .arguments = {"baresip", "-f", made.directory_.string()}, .directory = made.directory_});
  if (!process) return pass(process);
  made.process_ = std::move(*process);
  if (auto done = made.process_.wait_for_line("baresip is ready", start_limit); !done) return pass(done);
  if (auto done = made.process_.wait_for_tcp(control_port, start_limit); !done) return pass(done);
  auto control = connect_tcp(wan, site, {wan.address(site), control_port});
  if (!control) return pass(control);
  made.control_ = std::move(*control);
  auto keys = open_udp(wan, site, 0);
  if (!keys) return pass(keys);
  made.keys_ = std::move(*keys);
  made.console_ = {wan.address(site), console_port};
  return made;
}

Result<void> Baresip::command(std::string_view name, std::string_view parameters) {
  json::object message;
  message["command"] = name;
  message["params"] = parameters;
  message["token"] = "lab";
  const std::string text = to_json(message);
  const std::string line = fmt::format("{}:{},", text.size(), text);
  if (::send(control_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return fail(Error::Kind::unavailable, "the softphone in {} is gone:\n{}", directory_.string(),
                last_lines(process_.log(), 8));
  }
  return {};
}

void Baresip::press(char digit) {
  send_udp(keys_, console_, std::string_view(&digit, 1));
}

Result<void> Baresip::wait_event(std::string_view type, milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    while (const auto text = take_netstring(events_)) {
      const auto value = parse_json(*text);
      const auto* event = value ? value->if_object() : nullptr;
      if (event != nullptr && json_string_or(*event, "type", "") == type) return {};
    }
    if (receive_into(control_, events_)) continue;
    if (!process_.is_running()) break;
    const timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return fail(Error::Kind::timeout, "no {} from the softphone in {} within {} ms; it says:\n{}", type,
              directory_.string(), limit.count(), last_lines(process_.log(), 8));
}

Result<Samples> Baresip::dumped(std::string_view kind) const {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("dump-") && name.ends_with(fmt::format("-{}.wav", kind))) files.push_back(entry.path());
  }
  if (files.empty()) return fail(Error::Kind::not_found, "the softphone in {} recorded nothing", directory_.string());
  std::ranges::sort(files);
  Samples out;
  for (const auto& file : files) {
    auto samples = read_wav(file);
    if (!samples) return samples;
    out.insert(out.end(), samples->begin(), samples->end());
  }
  return out;
}

}  // namespace nearend::lab
