#include "media/shallow_sleep.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media {
namespace {

constexpr const char* device = "/dev/cpu_dma_latency";
constexpr std::chrono::milliseconds lasting{900};  // two figures in a row
constexpr std::chrono::seconds patience{5};

/// In microseconds. Under a hypervisor every sleep is a way out to it and back: none at all. Elsewhere the first one,
/// which only stops the clock of the core, is as good as none (ACPI C1).
int32_t latency_wanted() {
  std::array<char, 32> driver{};
  const int file = ::open("/sys/devices/system/cpu/cpuidle/current_driver", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 2;
  const ssize_t size = ::read(file, driver.data(), driver.size());
  ::close(file);
  return std::string_view(driver.data(), size > 0 ? static_cast<size_t>(size) : 0).starts_with("haltpoll") ? 0 : 2;
}

telemetry::Gauge& held() {
  static telemetry::Gauge& gauge = telemetry::gauge("nearend_media_threads_awake");
  return gauge;
}

}  // namespace

bool ShallowSleep::is_possible() {
  return ::access(device, W_OK) == 0;
}

void ShallowSleep::note(double packets_a_second, io::Instant now) {
  if (from_ == 0 || is_refused_) return;
  if (packets_a_second >= from_) {
    if (needed_since_ == io::Instant{}) needed_since_ = now;
    needed_ = now;
    if (!is_held() && now - needed_since_ >= lasting) ask();
    return;
  }
  needed_since_ = {};
  if (is_held() && now - needed_ >= patience) give_back();
}

void ShallowSleep::ask() {
  request_ = ::open(device, O_WRONLY | O_CLOEXEC);
  const int32_t latency = latency_wanted();
  if (request_ >= 0 && ::write(request_, &latency, sizeof(latency)) == sizeof(latency)) {
    held().add(1);
    telemetry::info("media_cores_stay_awake", {{"latency_us", latency}});
    return;
  }
  is_refused_ = true;
  telemetry::info("media_cores_sleep", {{"device", device}, {"reason", std::strerror(errno)}});
  if (request_ >= 0) ::close(request_);
  request_ = -1;
}

void ShallowSleep::give_back() {
  if (!is_held()) return;
  ::close(request_);
  request_ = -1;
  held().add(-1);
}

}  // namespace nearend::media
