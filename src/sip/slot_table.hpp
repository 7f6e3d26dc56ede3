#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace nearend::sip {

/// Objects found by number. A number is used again only with another generation, so one that outlived its object finds
/// nothing. Numbers: 8 bits shard, 24 bits generation, 32 bits slot; never 0.
template <class T>
class SlotTable {
 public:
  explicit SlotTable(uint8_t shard) : shard_(shard) {}

  /// Takes a slot for an object to come; fill it with put(), or give it back with take().
  uint64_t reserve() {
    uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    ++used_;
    return number(slot);
  }
  T& put(uint64_t number, std::unique_ptr<T> object) {
    Slot& slot = slots_[static_cast<uint32_t>(number)];
    slot.object = std::move(object);
    return *slot.object;
  }
  T* find(uint64_t number) const {
    const Slot* slot = slot_of(number);
    return slot ? slot->object.get() : nullptr;
  }
  /// Frees the slot; the object is the caller's.
  std::unique_ptr<T> take(uint64_t number) {
    Slot* slot = const_cast<Slot*>(slot_of(number));
    if (!slot) return nullptr;
    auto object = std::move(slot->object);
    slot->generation = (slot->generation + 1) & generation_mask;
    if (slot->generation == 0) slot->generation = 1;
    free_.push_back(static_cast<uint32_t>(number));
    --used_;
    return object;
  }
  size_t size() const { return used_; }
  template <class Visit>
  void for_each(Visit visit) {
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].object) visit(*slots_[i].object);
  }

 private:
  static constexpr uint32_t generation_mask = 0xff'ffff;
  struct Slot {
    uint32_t generation = 1;
    std::unique_ptr<T> object;
  };
  uint64_t number(uint32_t slot) const {
    return uint64_t{shard_} << 56 | uint64_t{slots_[slot].generation} << 32 | slot;
  }
  const Slot* slot_of(uint64_t wanted) const {
    const auto slot = static_cast<uint32_t>(wanted);
    if (slot >= slots_.size() || number(slot) != wanted) return nullptr;
    return &slots_[slot];
  }

  uint8_t shard_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t used_ = 0;
};

}  // namespace nearend::sip
