#pragma once

#include <memory>
#include <string>

#include "lab/baresip.hpp"
#include "lab/phone.hpp"

namespace nearend::lab {

/// One end of a call as a flow drives it, whatever phone it is.
class Party {
 public:
  virtual ~Party() = default;
  virtual void dial(const std::string& number, const Endpoint& gateway) = 0;
  virtual void hangup() = 0;
  virtual void press(char digit) = 0;
  /// Waits for the next call to be answered, and for its end. True when it came.
  virtual bool wait_talking(std::chrono::milliseconds limit) = 0;
  virtual bool wait_ended(std::chrono::milliseconds limit) = 0;
  /// The phone of the lab's own, or nullptr where a real one is used.
  virtual Phone* exact() { return nullptr; }
  /// What the phone itself recorded; an error where it records nothing (the tap heard it all the same). Stops it.
  virtual Result<Samples> recording() = 0;
};

/// A party on a lab phone, or on a baresip.
Result<std::unique_ptr<Party>> exact_party(const Wan& wan, SiteId site, const PhoneSettings& settings);
Result<std::unique_ptr<Party>> real_party(const Wan& wan, SiteId site, const BaresipSettings& settings,
                                          const std::filesystem::path& directory);

}  // namespace nearend::lab
