"""The attempts by which a person brings a grant: a login by browser or device, a refresh token from elsewhere."""

from services.refresher.adoption import Adoption
from services.refresher.device_login import DeviceLogins
from services.refresher.domain.record import Record
from services.refresher.domain.schedule import Adopt, ExchangeCode, LoginCall, PollDevice, StartDevice, StartLogin
from services.refresher.login import LoginExchange
from services.refresher.login_start import LoginStart


class Logins:
    """Carries them out; each raises TooLate."""

    def __init__(self, start: LoginStart, exchange: LoginExchange, devices: DeviceLogins, adoption: Adoption) -> None:
        self._start = start
        self._exchange = exchange
        self._devices = devices
        self._adoption = adoption

    async def attempt(self, claimed: Record, action: LoginCall, send_by: float) -> None:
        """Do what the action says; afterwards its wish is gone."""
        match action:
            case StartLogin(wish):
                await self._start.attempt(claimed, wish)
            case ExchangeCode(wish):
                await self._exchange.exchange(claimed, wish, send_by)
            case StartDevice(wish):
                await self._devices.start(claimed, wish, send_by)
            case PollDevice(device):
                await self._devices.poll(claimed, device, send_by)
            case Adopt(wish):
                await self._adoption.adopt(claimed, wish, send_by)
